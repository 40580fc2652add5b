"""What to start, and a started target as the stages after it see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from harness.model.base import Value
from harness.model.injection import Injection


class ReadyCheck(Value):
    """The target is ready when `GET path` answers `status` (None: anything below 500)."""

    path: str = "/"
    status: int | None = None
    timeout_s: float = 60.0


class TargetSpec(Value):
    """What every kind of target has; `port` is where the app listens (inside of its container).

    `injection` is what its PHP is to load or to run under (the probe, a tool), None for nothing.
    """

    port: int
    environment: dict[str, str] = {}
    memory_limit_bytes: int | None = None
    cpus: float | None = None
    ready: ReadyCheck = ReadyCheck()
    injection: Injection | None = None


class ImageSpec(TargetSpec):
    kind: Literal["image"] = "image"
    image: str
    command: tuple[str, ...] = ()


class BuildSpec(TargetSpec):
    kind: Literal["build"] = "build"
    context: Path
    dockerfile: str = "Dockerfile"
    args: dict[str, str] = {}
    command: tuple[str, ...] = ()


class ComposeSpec(TargetSpec):
    kind: Literal["compose"] = "compose"
    files: tuple[Path, ...]
    service: str


class CommandSpec(TargetSpec):
    """A local process; it gets its port in the environment variable named by `port_variable`.

    `port` 0 stands for a free one.
    """

    kind: Literal["command"] = "command"
    command: tuple[str, ...]
    cwd: Path
    port_variable: str = "PORT"


AnyTargetSpec = ImageSpec | BuildSpec | ComposeSpec | CommandSpec


class TargetHandle(Value):
    """Where a running target is reached and where its memory is found.

    `root_pid` is the host's pid of the container's init or of the local command; None where the engine is remote.
    `environment` is what is needed to compare or repeat the run (image id, limits, engine …).
    """

    kind: Literal["image", "build", "compose", "command", "attached"]
    base_url: str
    root_pid: int | None = None
    container_id: str | None = None
    memory_limit_bytes: int | None = None
    environment: dict[str, Any] = {}


class TargetState(Value):
    """`running`, or how it ended. `oom_kills` counts kills inside of a target that goes on, too."""

    running: bool
    exit_code: int | None = None
    oom_kills: int = 0
    detail: str = ""
