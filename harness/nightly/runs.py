"""Runs on disk: a run folder, its record, a folder of several, a pattern; and the latest good one of a scenario."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from glob import glob, has_magic
from pathlib import Path

from harness import exit_codes
from harness.errors import InputError
from harness.history import RECORD, read_record
from harness.model.verdict import Verdict
from harness.nightly.known import without_known

LATEST_GOOD = "latest-good"

_RUN_ID = re.compile(r"(?P<scenario>.+)-(?P<stamp>\d{8}t\d{6}z)-[0-9a-f]{6}")
_FOLDER = re.compile(r"(?P<stamp>\d{8}T\d{6}Z)-(?P<revision>.+)-[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run and where its record is."""

    path: Path
    verdict: Verdict


def read_side(places: Iterable[str]) -> tuple[KeptRun, ...]:
    """The runs of one side, each once, the oldest first. Raises InputError where a place has none."""
    records = {record.resolve(): record for place in places for record in _records_of(place)}
    runs = [KeptRun(record, read_record(record)) for record in records.values()]
    return tuple(sorted(runs, key=lambda run: (stamp_of(run.verdict.run_id), str(run.path))))


def scenario_of(run_id: str) -> str:
    """The scenario's name in a run's id; all of it where it isn't one of ours."""
    match = _RUN_ID.fullmatch(run_id)
    return match["scenario"] if match else run_id


def stamp_of(run_id: str) -> str:
    """When the run began, in an order of text; empty where its id doesn't say."""
    match = _RUN_ID.fullmatch(run_id)
    return match["stamp"] if match else ""


def began_at(folder: str) -> datetime | None:
    """When a run began, by its folder's name; None for a folder that isn't a run's."""
    match = _FOLDER.fullmatch(folder)
    try:
        return datetime.strptime(match["stamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def revision_of(folder: str) -> str:
    """The commit in a run folder's name; empty where it has none."""
    match = _FOLDER.fullmatch(folder)
    return match["revision"] if match else ""


def is_good(verdict: Verdict) -> bool:
    """The run ended as a run should: clean but for known leaks, or exactly what its scenario expected."""
    schedule = verdict.environment.get("schedule")
    expected = schedule.get("expect") if isinstance(schedule, dict) else None
    died = any(event.kind == "target_died" for event in verdict.events)
    return not died and exit_codes.of_verdict(without_known(verdict), expected or {}) == exit_codes.CLEAN


def latest_good(results: Path, candidate: Sequence[KeptRun]) -> KeptRun:
    """The newest good run of the candidate's scenario that began before it. Raises InputError where there is none."""
    scenarios = {scenario_of(run.verdict.run_id) for run in candidate}
    if len(scenarios) != 1:
        raise InputError(
            f"{LATEST_GOOD}: the candidate's runs are of several scenarios ({', '.join(sorted(scenarios))})",
            hint="compare one scenario at a time, or name the baseline's runs",
        )
    folder = results / scenarios.pop()
    before = min(stamp_of(run.verdict.run_id) for run in candidate)
    for verdict_path in sorted(folder.glob(f"*/{RECORD}"), key=lambda path: path.parent.name, reverse=True):
        found = _readable(verdict_path)
        if found and stamp_of(found.verdict.run_id) < before and is_good(found.verdict):
            return found
    raise InputError(
        f"{folder}: no clean or expected run from before the candidate",
        hint="choose the folder with --results, or name the baseline's runs",
    )


def _readable(record: Path) -> KeptRun | None:
    """A damaged run is no baseline, and no reason to stop looking."""
    try:
        return KeptRun(record, read_record(record))
    except InputError:
        return None


def _records_of(place: str) -> list[Path]:
    path = Path(place)
    if path.is_dir():
        return [path / RECORD] if (path / RECORD).exists() else _runs_in(path)
    if path.exists() or not has_magic(place):
        return [path]
    matches = sorted(glob(place))  # noqa: PTH207 (a pattern may be absolute)
    found = [record for match in matches for record in _matched(Path(match))]
    if not found:
        raise InputError(f"{place}: no run fits this pattern", hint="give run folders or their record.json")
    return found


def _matched(path: Path) -> Iterator[Path]:
    """What a pattern fits may be something else than a run."""
    if path.is_file():
        yield path
    elif (path / RECORD).exists():
        yield path / RECORD
    else:
        yield from sorted(path.glob(f"*/{RECORD}"))


def _runs_in(folder: Path) -> list[Path]:
    records = sorted(folder.glob(f"*/{RECORD}"))
    if not records:
        hint = f"`hyperleak analyze {folder}` reads a run that broke off"
        raise InputError(f"{folder}: no {RECORD} here, nor in a folder of it", hint=hint)
    return records
