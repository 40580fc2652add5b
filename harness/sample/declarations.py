"""Where in the app's source a property, a static variable or a global is declared. PHP's reflection doesn't tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Self

from harness.model.census import Declaration

SOURCE_LIMIT_BYTES = 2 << 20
SOURCES_SEARCHED = 2000

_COMMENT = re.compile(r"/\*.*?\*/|(?<![:'\"\w])//[^\n]*|(?m:^\s*#(?!\[)[^\n]*)", re.DOTALL)
_MODIFIER = r"\b(?:public|protected|private|static|var|readonly|final)\b"


class Located(NamedTuple):
    file: str
    line: int

    @classmethod
    def of(cls, text: str) -> Self | None:
        """From "FILE:LINE"."""
        file, _, line = text.rpartition(":")
        return cls(file, int(line)) if file and line.isdecimal() else None

    @classmethod
    def of_class(cls, name: str, declarations: Mapping[str, Declaration]) -> Self | None:
        """Where the class begins."""
        found = declarations.get(name)
        return cls(found.file, found.first_line) if found else None


def locate_property(
    owner: str, name: str, declarations: Mapping[str, Declaration], read_source: Callable[[str], str | None]
) -> Located | None:
    """In the class, its traits and its parents; where none of them has it, the line where the class begins.

    None where the class is not the app's.
    """
    waiting, seen = [owner], set()
    while waiting:
        current = waiting.pop(0)
        declared = declarations.get(current)
        if declared is None or current in seen:
            continue
        seen.add(current)
        waiting.extend(declared.next)
        pattern = rf"{_MODIFIER}[^;{{}}()]*?(\${re.escape(name)})\b"
        line = _line(read_source(declared.file), pattern, declared.first_line, declared.last_line)
        if line:
            return Located(declared.file, line)
    return Located.of_class(owner, declarations)


def locate_variable(step: str, read_source: Callable[[str], str | None]) -> Located | None:
    """A static variable, from "$NAME in FUNCTION() at FILE:LINE": from that line on."""
    located = Located.of(step.rpartition(" at ")[2])
    if located is None:
        return None
    name = step.partition(" in ")[0]
    line = _line(read_source(located.file), rf"\bstatic\b[^;{{}}()]*?({re.escape(name)})\b", located.line, None)
    return Located(located.file, line or located.line)


def locate_global(name: str, sources: Iterable[str], read_source: Callable[[str], str | None]) -> Located | None:
    """The first line that names it as a global: `$GLOBALS['name']` or `global $name`."""
    pattern = rf"(\$GLOBALS\s*\[\s*(['\"]){re.escape(name)}\2)|(?:\bglobal\b[^;]*?\${re.escape(name)}\b)"
    for _, source in zip(range(SOURCES_SEARCHED), sources, strict=False):
        text = read_source(source)
        if text and name in text and (line := _line(text, pattern, 1, None)):
            return Located(source, line)
    return None


def locate_only_timer(sources: Iterable[str], read_source: Callable[[str], str | None]) -> Located | None:
    """Where the app starts its timers, if that is one place: what a timer calls can't be asked of Swoole."""
    found = None
    for _, source in zip(range(SOURCES_SEARCHED), sources, strict=False):
        lines = list(_lines(read_source(source), r"\bTimer::tick\s*\(|\bswoole_timer_tick\s*\(", 1, None))
        if len(lines) > 1 or (lines and found):
            return None
        if lines:
            found = Located(source, lines[0])
    return found


def sources_of_process(pid: int) -> Callable[[str], str | None]:
    """Reads files as the process sees them, in its container too, through `/proc/PID/root`."""

    def read(path: str) -> str | None:
        try:
            with Path(f"/proc/{pid}/root{path}").open("rb") as file:
                return file.read(SOURCE_LIMIT_BYTES).decode(errors="replace")
        except OSError:
            return None

    return read


def _line(text: str | None, pattern: str, first: int, last: int | None) -> int | None:
    return next(_lines(text, pattern, first, last), None)


def _lines(text: str | None, pattern: str, first: int, last: int | None) -> Iterator[int]:
    """The lines where the pattern's first group (or, without it, the pattern) begins, comments apart."""
    if text is None:
        return
    bare = _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)
    part = "\n".join(bare.split("\n")[first - 1 : last])
    for match in re.finditer(pattern, part):
        at = match.start(1) if match.lastindex and match[1] is not None else match.start()
        yield first + part.count("\n", 0, at)
