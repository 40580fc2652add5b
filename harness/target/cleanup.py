"""What has to be undone when a target is closed, also when it never became ready."""

from __future__ import annotations

import logging
from collections.abc import Callable

from docker.errors import APIError

from harness.errors import HyperleakError
from harness.target.engine import ENGINE_ERRORS, short_reason

_log = logging.getLogger(__name__)


class Cleanup:
    """Undoes in reverse order, each thing once; a thing that can't be undone is logged and doesn't stop the rest.

    Once the engine has stopped answering, nothing more is asked of it: each call would wait for its timeout.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[], object], bool]] = []
        self._engine_gone = False

    def add(self, what: str, undo: Callable[[], object], *, by_engine: bool = False) -> None:
        """`what` names the thing in the log, like "container hyperleak-7f3a"; register before making it."""
        self._steps.append((what, undo, by_engine))

    def run(self) -> None:
        while self._steps:
            what, undo, by_engine = self._steps.pop()
            if by_engine and self._engine_gone:
                _log.warning("left behind: %s (the engine doesn't answer); `hyperleak gc` removes it later", what)
                continue
            self._undo(what, undo)

    def _undo(self, what: str, undo: Callable[[], object]) -> None:
        try:
            undo()
        except (*ENGINE_ERRORS, HyperleakError, OSError) as error:
            self._engine_gone |= isinstance(error, ENGINE_ERRORS) and not isinstance(error, APIError)
            _log.warning("left behind: %s (%s); `hyperleak gc` removes it later", what, short_reason(error))
