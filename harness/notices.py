"""Which runs people are told of, and what of them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from harness import exit_codes
from harness.errors import InputError
from harness.history import RECORD, read_record
from harness.model.verdict import Outcome, Verdict

When = Literal["leak", "change", "always"]


def worth_telling(when: When, code: int, folder: Path | None) -> bool:
    """Whether a run that ended with this exit code is told of; `folder` is the run's, None where it has no record.

    "leak": a leak, or not what was expected. "change": another answer, or other endpoints leak, than in the scenario's
    run before (without one anything but clean is a change). A run that could not be made is always told of, so that
    silence means an answer; one that the user stopped never is.
    """
    if code == exit_codes.INTERRUPTED:
        return False
    if when == "always" or folder is None or code == exit_codes.COULD_NOT_MEASURE:
        return True
    if when == "leak":
        return code == exit_codes.LEAK
    before = previous_verdict(folder)
    return _answer(read_record(folder)) != (_answer(before) if before else _NOTHING)


_Answer = tuple[Outcome, frozenset[str]]
_NOTHING: _Answer = ("clean", frozenset())


def previous_verdict(folder: Path) -> Verdict | None:
    """The latest older verdict beside this run's folder (names begin with the time); unreadable ones are skipped."""
    older = sorted((path for path in folder.parent.glob(f"*/{RECORD}") if path.parent.name < folder.name), reverse=True)
    for record in older:
        try:
            return read_record(record)
        except InputError:
            continue
    return None


def _answer(verdict: Verdict) -> _Answer:
    return verdict.outcome, frozenset(e.name for e in verdict.endpoints if e.verdict == "leak")
