"""A started target, whatever its kind."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from harness.model.target import TargetHandle, TargetState


class Watched(Protocol):
    """What can be asked of a target while it starts."""

    def port(self) -> int | None:
        """The loopback port it is reached at now; None while there is none."""

    def state(self) -> TargetState:
        """Whether it runs, or how it ended. Raises EngineError where the engine doesn't answer."""

    def logs_tail(self, lines: int = 50) -> str:
        """The last lines of its output, "" where there are none; never raises."""


class RunningTarget(Protocol):
    """A target that was ready once. Leaving the context closes it."""

    @property
    def handle(self) -> TargetHandle: ...

    def state(self) -> TargetState:
        """Whether it runs, or how it ended. Raises EngineError where the engine doesn't answer."""

    def logs_tail(self, lines: int = 50) -> str:
        """The last lines of its output, "" where there are none; never raises."""

    def close(self) -> None:
        """Ends it and removes everything that was made for it. May be called again; what stays is logged."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
