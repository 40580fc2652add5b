"""Findings that the source itself excuses: `// hyperleak: ignore RULE: reason` on the line or alone above it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from harness.model.review import Finding
from harness.review.syntax import SourceFile, of_type, text

_COMMENT = re.compile(r"hyperleak:\s*ignore\b\s*(?P<rule>[a-z-]*)\s*(?::\s*(?P<reason>.*?))?\s*(?:\*/)?\s*$")


class Excuse(NamedTuple):
    rule: str
    reason: str


def excuses(file: SourceFile) -> dict[int, Excuse]:
    """By the line that they excuse; one without a rule or a reason excuses nothing and is left out."""
    found: dict[int, Excuse] = {}
    lines = file.source.splitlines()
    for comment in of_type(file.root, "comment"):
        match = _COMMENT.search(text(comment))
        if match and match["rule"] and match["reason"]:
            row, column = comment.start_point
            alone = not lines[row][:column].strip()
            found[row + (2 if alone else 1)] = Excuse(match["rule"], match["reason"])
    return found


def without_reason(file: SourceFile) -> Iterator[int]:
    """Lines of comments that would excuse something, but don't say which rule or why."""
    for comment in of_type(file.root, "comment"):
        match = _COMMENT.search(text(comment))
        if match and not (match["rule"] and match["reason"]):
            yield comment.start_point[0] + 1


def excused(finding: Finding, by_file: Mapping[str, Mapping[int, Excuse]]) -> Finding:
    excuse = by_file.get(finding.file, {}).get(finding.line)
    applies = excuse is not None and excuse.rule == finding.rule
    return finding.model_copy(update={"suppressed": excuse.reason}) if excuse and applies else finding
