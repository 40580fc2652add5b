"""Ctrl-C: once to finish the window and analyse, twice to stop at once."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Self

import click


class Interrupts:
    """Inside the context the first SIGINT or SIGTERM is only noted; the second raises KeyboardInterrupt, once.

    What is being removed must be removed whole: later signals, and those after `hold()`, change nothing any more.
    """

    def __init__(self) -> None:
        self._count = 0
        self._held = False
        self._previous: dict[int, signal.Handlers | object] = {}

    def asked(self) -> bool:
        return self._count > 0

    def hold(self) -> None:
        """Nothing is measured any more, only removed and analysed."""
        self._held = True

    def release(self) -> None:
        """Another measurement begins."""
        self._held = False

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
        if self._held:
            click.echo("\nall is measured; what was started is being removed", err=True)
        elif self._count == 1:
            click.echo("\nfinishing this window, then analysing; once more stops at once", err=True)
        else:
            self._held = True
            click.echo("\nstopping; what was started is being removed", err=True)
            raise KeyboardInterrupt
