"""Paths in a scenario: relative to its file, and there."""

from __future__ import annotations

from pathlib import Path

from harness.scenario.problems import Mistake, quoted
from harness.scenario.report import Report, Steps


def existing(
    base: Path,
    text: str,
    what: str,
    path: Steps,
    report: Report,
    *,
    directory: bool = False,
    start: str = "the scenario's folder",
) -> Path | None:
    """The absolute path of `text`; a missing one is reported at `path` and None."""
    try:
        found = (base / text).resolve()
        there = found.is_dir() if directory else found.exists() and not found.is_dir()
    except (OSError, RuntimeError, ValueError):
        there = False
    if there:
        return found
    kind = "folder" if directory else "file"
    advice = f"check the {kind}; the path starts from {start}"
    report.add(path, Mistake(f"the {what} {quoted(text)} isn't there", advice))
    return None
