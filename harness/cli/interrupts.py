"""Ctrl-C: once to finish the window and analyse, twice to stop at once."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Self

import click


class Interrupts:
    """Inside the context the first SIGINT or SIGTERM is only noted; the second raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self._count = 0
        self._previous: dict[int, signal.Handlers | object] = {}

    def asked(self) -> bool:
        return self._count > 0

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self._count > 1:
            raise KeyboardInterrupt
        click.echo("\nfinishing this window, then analysing; once more stops at once", err=True)
