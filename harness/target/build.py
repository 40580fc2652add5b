"""Builds the image of a target from its folder; the image goes again with the target."""

from __future__ import annotations

import re
import secrets
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, ImageNotFound

from harness.errors import InputError, TargetError
from harness.model.target import BuildSpec
from harness.target.cleanup import Cleanup
from harness.target.container import ContainerTarget
from harness.target.engine import engine_errors, require_reachable
from harness.target.image import run_container
from harness.target.labels import RunLabels, owner_labels

_TAIL_LINES = 30
_STEP_IMAGE = re.compile(r" ---> ([0-9a-f]{12,64})")


def start_build(
    spec: BuildSpec, run: RunLabels, client: docker.DockerClient, cleanup: Cleanup, log_dir: Path | None
) -> ContainerTarget:
    """Raises InputError for a missing folder or Dockerfile, TargetError where the build or the start fails."""
    require_reachable(client)
    tag = build_image(spec, run, client, cleanup)
    return run_container(spec, tag, "build", run, client, cleanup, log_dir)


def build_image(spec: BuildSpec, run: RunLabels, client: docker.DockerClient, cleanup: Cleanup) -> str:
    """The tag of the new image. Base images that the build pulled stay, everything else goes with `cleanup`."""
    dockerfile = spec.context / spec.dockerfile
    if not dockerfile.is_file():
        raise InputError(f"there is no {dockerfile} to build", hint="correct target.context or target.dockerfile")
    tag = f"hyperleak/build:{run.slug}-{secrets.token_hex(3)}"
    steps: list[str] = []
    with engine_errors(f"building {spec.context}"):
        known = _image_ids(client)
        cleanup.add(
            f"layers of the build of {spec.context}", partial(_remove_steps, client, steps, known), by_engine=True
        )
        cleanup.add(f"image {tag}", partial(remove_image, client, tag), by_engine=True)
        output = client.api.build(
            path=str(spec.context),
            dockerfile=spec.dockerfile,
            tag=tag,
            buildargs=spec.args,
            labels=owner_labels(run),
            rm=True,
            forcerm=True,
            decode=True,
        )
        follow_build(output, steps, spec.context)
    return tag


def remove_image(client: docker.DockerClient, name: str) -> None:
    """Removes a tag or an id, and the untagged layers that nothing else needs; one that isn't there is fine."""
    try:
        client.images.remove(name, force=True)
    except ImageNotFound:
        return


def follow_build(output: Iterable[dict[str, Any]], steps: list[str], context: Path) -> None:
    """Notes each step's image, so that a build that fails halfway can be cleared away."""
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    lines = _lines(output, tail, context)
    steps.extend(step[1] for line in lines if (step := _STEP_IMAGE.fullmatch(line)))


def _lines(output: Iterable[dict[str, Any]], tail: deque[str], context: Path) -> Iterator[str]:
    """Reads to the end even after an error, for only then does the connection go back to its pool."""
    reason = ""
    for event in output:
        reason = reason or str(event.get("error", ""))
        for line in str(event.get("stream", "")).splitlines():
            if line.strip():
                tail.append(line)
                yield line
    if reason:
        raise _build_failed(context, reason, tail)


def _build_failed(context: Path, reason: str, tail: Iterable[str]) -> TargetError:
    quoted = "\n".join(f"  | {line}" for line in tail)
    if "BuildKit" in reason:
        hint = "this Dockerfile needs BuildKit: build it with `docker build`, and name the result in target.image"
    else:
        hint = f"see that `docker build {context}` works by hand; target.args gives build arguments"
    return TargetError(f"the build of {context} failed: {reason}\n  the end of its output:\n{quoted}", hint=hint)


def _image_ids(client: docker.DockerClient) -> set[str]:
    return {str(image.id) for image in client.images.list(all=True)}


def _remove_steps(client: docker.DockerClient, steps: list[str], known: set[str]) -> None:
    """The newest first, since each step's image is the parent of the next; what was there before stays."""
    for step in reversed(steps):
        try:
            image = client.images.get(step)
            if image.id not in known and not image.tags and not image.attrs.get("RepoDigests"):
                client.images.remove(str(image.id))
        except ImageNotFound:
            continue
        except APIError as error:
            if error.status_code != 409:
                raise
