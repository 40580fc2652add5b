"""The one way to start a target of any kind."""

from __future__ import annotations

from pathlib import Path

import docker

from harness.model.target import AnyTargetSpec, BuildSpec, CommandSpec, ImageSpec
from harness.target.build import start_build
from harness.target.cleanup import Cleanup
from harness.target.compose import start_compose
from harness.target.engine import connect_engine
from harness.target.image import start_image
from harness.target.labels import RunLabels
from harness.target.process import start_process
from harness.target.protocol import RunningTarget


def start_target(
    spec: AnyTargetSpec,
    run: RunLabels,
    *,
    log_dir: Path | None = None,
    client: docker.DockerClient | None = None,
) -> RunningTarget:
    """Starts the target and waits until it is ready; use it in a `with`, or call `close()`.

    `log_dir` (existing) gets `target.log`, for containers when the target is closed. Without a `client` one is
    connected where the kind needs it. Whatever ends the start, also Ctrl-C, what was begun is removed again.
    Raises InputError, EngineError, TargetError.
    """
    cleanup = Cleanup()
    try:
        return _start(spec, run, client, cleanup, log_dir)
    except BaseException:
        cleanup.run()
        raise


def _start(
    spec: AnyTargetSpec,
    run: RunLabels,
    client: docker.DockerClient | None,
    cleanup: Cleanup,
    log_dir: Path | None,
) -> RunningTarget:
    if isinstance(spec, CommandSpec):
        return start_process(spec, run, cleanup, log_dir)
    if client is None:
        client = connect_engine()
        cleanup.add("the connection to the engine", client.close)
    if isinstance(spec, ImageSpec):
        return start_image(spec, run, client, cleanup, log_dir)
    if isinstance(spec, BuildSpec):
        return start_build(spec, run, client, cleanup, log_dir)
    return start_compose(spec, run, client, cleanup, log_dir)
