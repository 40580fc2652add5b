"""Puts mistakes to the place where they were written, under the dotted name of the value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from itertools import islice

from harness.scenario.nodes import Mapping, locate
from harness.scenario.problems import Mistake, Problems, quoted

Steps = tuple[str | int, ...]

_COMPARED_NAMES = 100
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")


class Report:
    """The problems of one document."""

    def __init__(self, root: Mapping, problems: Problems) -> None:
        self.root = root
        self.problems = problems

    def add(self, path: Sequence[str | int], mistake: Mistake, *, key: bool = False) -> None:
        """Notes a mistake at the value of `path`, or at its key."""
        place = locate(self.root, path)
        mark = mistake.mark or (place.key if key else place.value)
        name = dotted(path)
        self.problems.add(mark, f"{name}: {mistake.what}" if name else mistake.what, mistake.to_do)


def dotted(path: Sequence[str | int]) -> str:
    """`endpoints[2].headers.Accept`; keys that are no plain words in quotes."""
    parts = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        else:
            parts.append("." * bool(parts) + (step if _PLAIN_KEY.fullmatch(step) else quoted(step)))
    return "".join(parts)


def suggestion(word: str, known: Iterable[str], *, otherwise: str) -> str:
    """ "did you mean …", or what else to do where nothing known is similar."""
    names = {name.lower(): name for name in islice(known, _COMPARED_NAMES)}
    close = difflib.get_close_matches(word[:100].lower(), names, n=1)
    return f"did you mean {quoted(names[close[0]])}?" if close else otherwise
