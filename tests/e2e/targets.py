"""The resident app as each kind of target, and what the engine holds of a run."""

from __future__ import annotations

import secrets
import textwrap
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from docker.errors import ImageNotFound

from harness.model.target import AnyTargetSpec, BuildSpec, ComposeSpec, ImageSpec, ReadyCheck

ROOT = Path(__file__).parents[2]
IMAGE = "hyperleak/resident:latest"
PORT = 8080
READY = ReadyCheck(path="/health", timeout_s=30)
LIMIT_BYTES = 96 << 20
KINDS = pytest.mark.parametrize("kind", ["image", "build", "compose"])


def image(**values: Any) -> ImageSpec:
    return ImageSpec(**({"image": IMAGE, "port": PORT, "ready": READY} | values))


def build_spec(folder: Path, dockerfile: str, **values: Any) -> BuildSpec:
    (folder / "Dockerfile").write_text(textwrap.dedent(dockerfile))
    return BuildSpec(**({"context": folder, "port": PORT, "ready": READY} | values))


def compose_spec(folder: Path, document: dict[str, Any], **values: Any) -> ComposeSpec:
    file = folder / "compose.yaml"
    file.write_text(yaml.safe_dump(document))
    return ComposeSpec(**({"files": (file,), "service": "app", "port": PORT, "ready": READY} | values))


def a_spec(kind: str, folder: Path) -> AnyTargetSpec:
    """The resident app as each kind of target, with the same environment and limits."""
    values = {"environment": {"WORKERS": "1", "ODD": "a$b ${c}"}, "memory_limit_bytes": LIMIT_BYTES, "cpus": 0.5}
    if kind == "image":
        return image(**values)
    if kind == "build":
        return build_spec(folder, f"ARG WHAT\nFROM {IMAGE}\nRUN echo {secrets.token_hex(8)}", **values)
    document = {
        "services": {
            "app": {
                "build": {"context": str(folder)},
                "image": "somebody/app:dev",
                "container_name": "somebodys-app",
                "ports": [f"{PORT}:{PORT}"],
                "depends_on": ["db"],
            },
            "db": {"image": IMAGE, "ports": [f"3306:{PORT}"], "volumes": ["data:/data"]},
        },
        "volumes": {"data": {"name": "somebodys-data"}},
    }
    (folder / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo {secrets.token_hex(8)}\n")
    return compose_spec(folder, document, **values)


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return int(answer.status)


def everything_of(engine: docker.DockerClient, run_id: str) -> list[str]:
    """Every container, network, volume and image with the run in a label or in its name."""
    api = engine.api
    found: list[dict[str, Any]] = [
        *api.containers(all=True),
        *api.networks(),
        *(api.volumes().get("Volumes") or []),
        *api.images(),
    ]
    return [str(entry) for entry in found if run_id in str(entry)]


def images_made_by(engine: docker.DockerClient, text: str) -> list[str]:
    """Layers, tagged or not, whose command has this text."""
    found = []
    for entry in engine.api.images(all=True):
        with suppress(ImageNotFound):
            if text in str(engine.images.get(entry["Id"]).attrs["ContainerConfig"]):
                found.append(entry["Id"])
    return found
