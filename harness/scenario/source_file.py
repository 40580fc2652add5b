"""Text of a file that anybody may have written: regular, bounded, UTF-8, without control characters."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from harness.scenario.problems import START, Mark, Mistake

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_source(path: Path, *, what: str, max_bytes: int) -> str:
    """The text of `path` without a byte order mark; raises Mistake with a mark inside of that file."""
    try:
        raw = _read_bounded(path, what, max_bytes)
    except (OSError, ValueError) as error:
        if isinstance(error, Mistake):
            raise
        raise Mistake(
            f"the {what} can't be read: {_reason(error)}", "check the path and its permissions", START
        ) from None
    text = _decode(raw)
    bad = _UNPRINTABLE.search(text)
    if bad is not None:
        raise Mistake(
            f"the character U+{ord(bad[0]):04X} can't be in a {what}",
            "remove it",
            _mark_at(text, bad.start()),
        )
    return text


def _read_bounded(path: Path, what: str, max_bytes: int) -> bytes:
    """The file's type is looked at before opening: a named pipe would block, a device never ends."""
    mode = path.stat()
    if stat.S_ISDIR(mode.st_mode):
        raise Mistake(f"this is a directory, not a {what}", "give a file in it", START)
    if not stat.S_ISREG(mode.st_mode):
        raise Mistake(f"this is a device or a pipe, not a {what}", "write it to a plain file first", START)
    with path.open("rb") as file:
        raw = file.read(max_bytes + 1) if mode.st_size <= max_bytes else b""
    if max(mode.st_size, len(raw)) > max_bytes:
        raise Mistake(f"the {what} is larger than {max_bytes // 1024} KiB", "make it smaller", START)
    return raw


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", errors="replace")
        raise Mistake("the text is not UTF-8", "save the file as UTF-8", _mark_at(before, len(before))) from None


def _mark_at(text: str, index: int) -> Mark:
    return Mark(text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


def _reason(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    return str(strerror or error).lower()
