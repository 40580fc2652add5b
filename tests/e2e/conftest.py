"""A real engine and the image of the resident app; neither is ever skipped."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator

import docker
import pytest

from harness.target import RunLabels, connect_engine
from tests.e2e.targets import IMAGE, ROOT, everything_of


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    client = connect_engine()
    yield client
    client.close()


@pytest.fixture(scope="session")
def resident_image(engine: docker.DockerClient) -> None:
    """Of this source, whatever image there was."""
    subprocess.run(["sh", str(ROOT / "compose/resident/make-image.sh"), IMAGE], check=True, timeout=200)


@pytest.fixture
def run(engine: docker.DockerClient) -> Iterator[RunLabels]:
    """A run of its own for each test, of which nothing may be left afterwards."""
    labels = RunLabels(f"target-test-{secrets.token_hex(4)}", "resident")
    yield labels
    assert everything_of(engine, labels.run_id) == []
