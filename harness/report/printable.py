"""Text from elsewhere (names in a trace, a target's log) made safe to show in a terminal."""

from __future__ import annotations

import unicodedata

# Controls, formats (which turn the direction of writing), lone surrogates, line and paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str) -> str:
    """The text with what would steer the terminal written out, as in `\\x1b`; line ends and tabs stay."""
    return "".join(character if _is_plain(character) else _written_out(character) for character in text)


def one_line(text: str) -> str:
    """The same with line ends and tabs written out too: for names."""
    return "".join(_written_out(c) if c in "\n\t" else c for c in printable(text))


def _is_plain(character: str) -> bool:
    return character in "\n\t" or unicodedata.category(character) not in _INVISIBLE


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
