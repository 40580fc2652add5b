"""The images of a search: each commit's build finds the layers of the ones before, and nothing of them stays."""

from __future__ import annotations

import secrets
from pathlib import Path

import docker
import pytest

from harness.bisection.cache import BuildCache
from harness.model.load import Endpoint, Request
from harness.model.scenario import Scenario
from tests.e2e.targets import IMAGE, build_spec, everything_of, images_made_by


@pytest.mark.usefixtures("resident_image")
def test_layers_are_kept_from_commit_to_commit_until_the_search_ends(
    engine: docker.DockerClient, tmp_path: Path
) -> None:
    name = f"bisect-test-{secrets.token_hex(4)}"
    endpoint = Endpoint(name="GET /", request=Request(path="/"))
    spec = build_spec(tmp_path, f"FROM {IMAGE}\nRUN echo {name} $(date +%N)\nCOPY app.php /app/\n")
    scenario = Scenario(name="built", source=tmp_path / "s.yaml", target=spec, endpoints=(endpoint,))
    with BuildCache(name) as cache:
        for commit in range(3):
            (tmp_path / "app.php").write_text(f"<?php // {commit}")
            cache(scenario)
        assert len(engine.images.list(filters={"label": f"hyperleak.run={name}"})) == 3
        assert len(images_made_by(engine, f"echo {name}")) == 1
    assert everything_of(engine, name) == []
    assert images_made_by(engine, name) == []
