"""The runs of a scenario in short: read once from their records, then from an index beside the run folders.

The index is only a shortcut. An entry is used while its record has the size and the times that it had; anything else
is read anew, and an index that can't be read or written is done without.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from harness.history import NO_REVISION, RECORD
from harness.model.history import Damaged, HistoryRun, Point
from harness.model.verdict import Channel, EndpointOutcome, Outcome
from harness.nightly.runs import began_at, revision_of

INDEX: Final = ".index.jsonl"
# Another number here makes every index of before be read anew.
INDEX_VERSION: Final = 1
KNOWN_SCHEMA: Final = 1


class _Stamp(NamedTuple):
    """What changes when a record does."""

    size: int
    modified_ns: int
    changed_ns: int


class _Entry(NamedTuple):
    version: int
    stamp: _Stamp
    run: HistoryRun


class _Slim(BaseModel):
    """What is needed of a record; the rest, which is most of it, is passed over unread."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Holder(_Slim):
    path: str


class _Endpoint(_Slim):
    name: str
    verdict: EndpointOutcome
    bytes_per_request: float
    ci95: tuple[float, float]
    requests: int
    channel: Channel
    holders: tuple[_Holder, ...] = ()

    def point(self) -> Point:
        holder = self.holders[0].path if self.holders else ""
        return Point(self.name, self.verdict, self.bytes_per_request, *self.ci95, self.requests, self.channel, holder)


class _Record(_Slim):
    schema_version: int = KNOWN_SCHEMA
    run_id: str
    outcome: Outcome
    endpoints: tuple[_Endpoint, ...]


_ENTRY: TypeAdapter[_Entry] = TypeAdapter(_Entry)


def read_runs(folder: Path) -> tuple[tuple[HistoryRun, ...], tuple[Damaged, ...]]:
    """All runs in a scenario's folder, the oldest first, and the folders that can't be read."""
    known = _read_index(folder / INDEX)
    entries, damaged = [], []
    for run in _run_folders(folder):
        try:
            entries.append(_entry(run, known))
        except (OSError, ValueError) as error:
            damaged.append(Damaged(folder=run.name, reason=_reason(error)))
    if entries != list(known.values()):
        _write_index(folder / INDEX, entries)
    return tuple(entry.run for entry in entries), tuple(damaged)


def _run_folders(folder: Path) -> list[Path]:
    """By the time in their names; what isn't named like a run isn't one."""
    return sorted(path for path in folder.iterdir() if began_at(path.name) and path.is_dir())


def _entry(run: Path, known: dict[str, _Entry]) -> _Entry:
    status = (run / RECORD).stat()
    stamp = _Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    entry = known.get(run.name)
    if entry is not None and entry.stamp == stamp:
        return entry
    return _Entry(INDEX_VERSION, stamp, _read(run))


def _read(run: Path) -> HistoryRun:
    record = _Record.model_validate_json((run / RECORD).read_bytes())
    if record.schema_version > KNOWN_SCHEMA:
        raise ValueError(f"schema version {record.schema_version} is of a later hyperleak")
    revision, began = revision_of(run.name), began_at(run.name)
    return HistoryRun.model_validate(
        {
            "folder": run.name,
            "run_id": record.run_id,
            "began": began,
            "revision": "" if revision == NO_REVISION else revision,
            "outcome": record.outcome,
            "points": [endpoint.point() for endpoint in record.endpoints],
        }
    )


def _read_index(file: Path) -> dict[str, _Entry]:
    """By folder; what can't be read of it is read from the records."""
    found: dict[str, _Entry] = {}
    with suppress(OSError), file.open("rb") as lines:
        for line in lines:
            with suppress(ValidationError):
                entry = _ENTRY.validate_json(line)
                if entry.version == INDEX_VERSION:
                    found[entry.run.folder] = entry
    return found


def _write_index(file: Path, entries: Iterable[_Entry]) -> None:
    draft = file.with_name(f"{file.name}.part")
    with suppress(OSError):
        draft.write_bytes(b"".join(_ENTRY.dump_json(entry) + b"\n" for entry in entries))
        draft.replace(file)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first: Any = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        return f"{RECORD}: {f'{where}: ' if where else ''}{first['msg']}"
    if isinstance(error, FileNotFoundError):
        return f"no {RECORD}: the run broke off"
    return f"{RECORD}: {getattr(error, 'strerror', None) or error}"
