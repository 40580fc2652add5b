"""Whom of a target's processes to signal and to wait for, by what became of it before."""

from __future__ import annotations

MISSES_AWAITED = 2
MOST_UNANSWERED = 16
"""PHP queues 32 signals of a process and drops the app's own after that."""


class Silence:
    """What is known of one process; a `turn` is the number of a request to all of them.

    After some misses it is waited for only if it ran PHP since, and signalled and waited for ever more rarely.
    """

    def __init__(self) -> None:
        self._unanswered = 0
        self._missed = 0
        self._signal_again_at = 0
        self._await_again_at = 0

    def may_be_signalled(self, turn: int, *, insist: bool) -> bool:
        return (insist or self._signal_again_at <= turn) and self._unanswered < MOST_UNANSWERED

    def is_awaited(self, turn: int, *, ran: bool) -> bool:
        return self._missed < MISSES_AWAITED or (ran and self._await_again_at <= turn)

    def signalled(self) -> None:
        self._unanswered += 1

    def ran(self) -> None:
        """It has taken the signals that waited for it."""
        self._unanswered = self._signal_again_at = 0

    def answered(self) -> None:
        self._unanswered = self._missed = self._signal_again_at = self._await_again_at = 0

    def passed(self, turn: int, *, awaited: bool) -> None:
        """It let a request pass."""
        self._signal_again_at = turn + (1 << self._unanswered)
        if awaited:
            self._missed += 1
            self._await_again_at = turn + (1 << min(self._missed, MOST_UNANSWERED))
