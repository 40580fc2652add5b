"""Starts a container from an image: published on loopback only, without privileges, within its limits."""

from __future__ import annotations

import logging
import secrets
from functools import partial
from pathlib import Path
from typing import Literal

import docker
from docker.errors import APIError, ImageNotFound
from docker.types import LogConfig

from harness.errors import TargetError
from harness.model.target import BuildSpec, ImageSpec, TargetSpec
from harness.target.cleanup import Cleanup
from harness.target.container import ContainerTarget, remove_container, save_log
from harness.target.engine import engine_errors, require_reachable, short_reason
from harness.target.labels import RunLabels, owner_labels

_log = logging.getLogger(__name__)

_LOG_CONFIG = LogConfig(type=LogConfig.types.JSON, config={"max-size": "16m", "max-file": "2"})
_NANO = 1_000_000_000


def start_image(
    spec: ImageSpec, run: RunLabels, client: docker.DockerClient, cleanup: Cleanup, log_dir: Path | None
) -> ContainerTarget:
    """Raises TargetError where the image can't be had or the container doesn't become ready; EngineError."""
    require_reachable(client)
    ensure_image(client, spec.image)
    return run_container(spec, spec.image, "image", run, client, cleanup, log_dir)


def ensure_image(client: docker.DockerClient, image: str) -> None:
    """Pulls an image that isn't here. Raises TargetError where that fails."""
    with engine_errors(f"looking for the image {image}"):
        try:
            client.images.get(image)
        except ImageNotFound:
            _pull(client, image)


def _pull(client: docker.DockerClient, image: str) -> None:
    _log.info("the image %s is not here: pulling it", image)
    try:
        client.images.pull(image)
    except APIError as error:
        raise TargetError(
            f"the image {image} is not on this engine and could not be pulled: {short_reason(error)}",
            hint="correct target.image, log in to its registry (`docker login`), or build it here (target.build)",
        ) from error


def run_container(
    spec: ImageSpec | BuildSpec,
    image: str,
    kind: Literal["image", "build"],
    run: RunLabels,
    client: docker.DockerClient,
    cleanup: Cleanup,
    log_dir: Path | None,
) -> ContainerTarget:
    """Creates and starts the container and waits until it is ready; `cleanup` knows how to undo each step."""
    name = f"hyperleak-{run.slug}-{secrets.token_hex(3)}"
    cleanup.add(f"container {name}", partial(remove_container, client, name), by_engine=True)
    with engine_errors(f"starting a container from {image}", hint="correct target.command, target.port or its limits"):
        container = client.containers.create(
            image,
            list(spec.command) or None,
            name=name,
            labels=owner_labels(run),
            environment=_environment(client, spec, image),
            volumes={host: {"bind": inside, "mode": "rw"} for host, inside in mounts_of(spec).items()},
            ports={f"{spec.port}/tcp": ("127.0.0.1",)},  # type: ignore[dict-item]  # without a port: a free one
            privileged=False,
            security_opt=["no-new-privileges"],
            mem_limit=spec.memory_limit_bytes,
            memswap_limit=spec.memory_limit_bytes,
            nano_cpus=round(spec.cpus * _NANO) if spec.cpus else None,
            log_config=_LOG_CONFIG,
        )
        if log_dir is not None:
            cleanup.add("the target's log", partial(save_log, container, log_dir), by_engine=True)
        container.start()
    return ContainerTarget(client, container, spec.port, cleanup).become_ready(kind, spec.ready)


def mounts_of(spec: TargetSpec) -> dict[str, str]:
    """Folders of this host that the target gets to see: the probe's, if it has one."""
    return spec.injection.mounts if spec.injection else {}


def image_environment(client: docker.DockerClient, image: str) -> dict[str, str]:
    """The variables that an image sets; none where it isn't on the engine."""
    try:
        config = client.images.get(image).attrs.get("Config") or {}
    except ImageNotFound:
        return {}
    return dict(pair.split("=", 1) for pair in config.get("Env") or [] if "=" in pair)


def _environment(client: docker.DockerClient, spec: TargetSpec, image: str) -> dict[str, str]:
    if spec.injection is None:
        return spec.environment
    return spec.environment | spec.injection.environment_over(image_environment(client, image) | spec.environment)
