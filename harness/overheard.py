"""What libraries say to a logger, for who asks them to tell what went wrong and gets a mere False."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def overheard(name: str) -> Iterator[list[str]]:
    """What is warned of under this logger goes into the list and nowhere else, whatever level others log at.

    Also what it would leave out for having been said a moment ago.
    """
    logger, lines = logging.getLogger(name), list[str]()
    handler = _Lines(lines)
    level, propagate, filters = logger.level, logger.propagate, list(logger.filters)
    logger.filters.clear()
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
        logger.filters.extend(filters)


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(" ".join(record.getMessage().split()))
