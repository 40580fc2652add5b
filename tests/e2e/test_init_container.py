"""`hyperleak init --container`: an app that runs in a container lists its routes there."""

from __future__ import annotations

import io
import secrets
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from tests.command import hyperleak
from tests.e2e.targets import IMAGE, PORT

LISTING = b"""<?php
$border = "+--------+----------+------------+--------+\\n";
echo $border, "| Server | Method   | URI        | Action |\\n", $border;
echo "| http   | GET|POST | /sku/{sku} | A::b   |\\n", $border;
"""


@pytest.fixture
def container(engine: docker.DockerClient, resident_image: None) -> Iterator[Container]:
    """A container of the resident app's image with what stands for Hyperf's own program."""
    name = f"hyperleak-test-init-{secrets.token_hex(4)}"
    command = ["php", "-r", "sleep(120);", "/tmp/shop/bin/hyperf.php"]
    made = engine.containers.run(IMAGE, command, entrypoint=[], name=name, detach=True, init=True)
    try:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo("shop/bin/hyperf.php")
            entry.size = len(LISTING)
            tar.addfile(entry, io.BytesIO(LISTING))
        made.put_archive("/tmp", archive.getvalue())
        yield made
    finally:
        made.remove(force=True)


@pytest.mark.docker
def test_the_app_is_asked_where_it_runs(container: Container, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    done = hyperleak("init", "http://127.0.0.1:9501", "--container", container.name, "-o", file, "--json")
    assert done.code == 0, done.err
    assert (done.document["endpoints"], done.document["commented_out"]) == (1, 1)
    assert done.document["target"] == {"image": IMAGE, "port": PORT}
    assert "path: /sku/{{ random_string(8) }}" in file.read_text()
    assert hyperleak("check", file).code == 0


@pytest.mark.docker
def test_a_container_without_such_an_app_says_so(container: Container, tmp_path: Path) -> None:
    container.exec_run(["rm", "/tmp/shop/bin/hyperf.php"], user="root")
    done = hyperleak("init", ".", "--container", container.name, "-o", tmp_path / "shop.yaml")
    assert done.code == 2
    assert "listed no route: Could not open input file: /tmp/shop/bin/hyperf.php" in done.err
