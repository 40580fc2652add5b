"""Text from elsewhere as a page shows it; escaping it is the template's."""

from __future__ import annotations

from typing import Final

from harness.report.printable import one_line

LONGEST_NAME: Final = 200


def shown(text: str, longest: int = LONGEST_NAME) -> str:
    """In one line without anything invisible, shortened where it is longer than anybody reads."""
    plain = one_line(text)
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"
