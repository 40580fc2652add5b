"""When a run was: its samples count seconds from the beginning of the load and name no clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from harness.history import NO_REVISION, RECORD, SAMPLES
from harness.model.telemetry import Span

_FOLDER: Final = re.compile(r"\d{8}T\d{6}Z-(?P<revision>.+)-[0-9a-f]{6}")
_RUN_ID: Final = re.compile(r".+-(\d{8}t\d{6})z-[0-9a-f]{6}")
# The target's start, its screening and what is counted after the load take less than this.
_LONGEST_BESIDE_LOAD: Final = timedelta(hours=6)


def folder_of(run: Path) -> Path:
    """The folder of a run that is given by it or by its record."""
    return run if run.is_dir() else run.parent


def revision_of(run: Path) -> str:
    """The commit in the name of the run's folder; "" where there is none."""
    match = _FOLDER.fullmatch(folder_of(run).resolve().name)
    return match["revision"] if match and match["revision"] != NO_REVISION else ""


def span_of(run: Path, run_id: str, load_s: float) -> Span:
    """When the `load_s` seconds of load of a run were.

    The last sample was written as the load ended. A copy has other times: all about the same ones, where the run's own
    files are from before its load, too. Then it is the time in the run's id, which is that of its start.
    """
    load, started, written = timedelta(seconds=load_s), _started(run_id), _written(run)
    if written is not None and _earliest(run) <= written - load and _fits(started, written - load):
        return Span(began=written - load, ended=written)
    began = started or datetime.now(UTC) - load
    return Span(began=began, ended=began + load, exact=False)


def _fits(started: datetime | None, began: datetime) -> bool:
    return started is None or timedelta() <= began - started <= _LONGEST_BESIDE_LOAD


def _earliest(run: Path) -> datetime:
    """When the first file of the run's folder was last written."""
    times = [path.stat().st_mtime for path in folder_of(run).iterdir() if path.is_file()]
    return datetime.fromtimestamp(min(times), UTC)


def _started(run_id: str) -> datetime | None:
    match = _RUN_ID.fullmatch(run_id)
    try:
        return datetime.strptime(match[1], "%Y%m%dt%H%M%S").replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def _written(run: Path) -> datetime | None:
    """When the samples were last written, or where there are none the record."""
    for file in (folder_of(run) / SAMPLES, run / RECORD if run.is_dir() else run):
        if file.is_file():
            return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return None
