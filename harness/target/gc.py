"""Removes what an interrupted run left behind: only what is marked as ours, and only of owners that are dead."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import docker

from harness.errors import EngineError
from harness.target.engine import ENGINE_ERRORS, connect_engine, engine_errors, short_reason
from harness.target.labels import OWNER_LABEL, RUN_LABEL, Owner
from harness.target.leftovers import MarkedProcess, kill_processes, processes_by_environment, processes_by_log
from harness.target.objects import EngineObject, ObjectKind, labelled_objects, remove_object
from harness.target.workspace import OwnedFolder, read_owner, workspaces

_log = logging.getLogger(__name__)

_RECORD, _SAMPLES = "record.json", "samples.jsonl"


@dataclass(frozen=True)
class Leftover:
    """`removed` is false after a dry run, and where `problem` says why it could not be removed."""

    kind: Literal["process", "folder"] | ObjectKind
    name: str
    run_id: str
    removed: bool
    problem: str = ""


@dataclass(frozen=True)
class _Wanted:
    """Whose leavings are looked for: of `run_ids` (None: all) those whose owner is dead."""

    run_ids: Collection[str] | None

    def has(self, run_id: str, owner: Owner) -> bool:
        return (self.run_ids is None or run_id in self.run_ids) and owner.is_dead()


def collect_garbage(
    results_dir: Path | None = None,
    *,
    dry_run: bool = False,
    client: docker.DockerClient | None = None,
    run_ids: Collection[str] | None = None,
) -> tuple[Leftover, ...]:
    """What dead runs of this machine (all, or those of `run_ids`) left behind, removed unless `dry_run`.

    A run that is alive keeps everything, and so does one whose owner is on another host, which can't be known from
    here. Without an engine only processes and folders are looked for. Raises EngineError where it goes away halfway.
    """
    wanted = _Wanted(run_ids)
    found = [
        *_processes(wanted, dry_run),
        *_engine_objects(client, wanted, dry_run),
        *_folders(workspaces(), wanted, dry_run),
    ]
    if results_dir is not None:
        found += _folders(empty_run_folders(results_dir), wanted, dry_run)
    return tuple(found)


def empty_run_folders(results_dir: Path) -> list[OwnedFolder]:
    """Run folders without a record and without samples; a folder with samples can still be analysed and stays.

    Only folders that carry the mark of `mark_owner` count, at `<scenario>/<run>` below the results.
    """
    marked = (read_owner(folder) for folder in sorted(results_dir.glob("*/*")) if folder.is_dir())
    return [folder for folder in marked if folder and not _has_evidence(folder.path)]


def _has_evidence(folder: Path) -> bool:
    """A record, or a sample after the header of the samples; what can't be read counts as evidence."""
    if (folder / _RECORD).exists():
        return True
    try:
        with (folder / _SAMPLES).open("rb") as lines:
            return len(list(itertools.islice(lines, 2))) > 1
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _processes(wanted: _Wanted, dry_run: bool) -> list[Leftover]:
    found = {p.pid: p for p in processes_by_environment() if wanted.has(p.run_id, p.owner)}
    for folder in workspaces():
        if folder.log and wanted.has(folder.run_id, folder.owner):
            found |= {p.pid: p for p in processes_by_log(folder.log, folder.run_id, folder.owner)}
    left = set() if dry_run else set(kill_processes(found.values()))
    return [_process_leftover(process, process in left, dry_run) for process in found.values()]


def _process_leftover(process: MarkedProcess, alive: bool, dry_run: bool) -> Leftover:
    name = f"{process.pid} ({process.name})"
    problem = "it could not be killed; is it another user's?" if alive else ""
    return Leftover("process", name, process.run_id, not dry_run and not alive, problem)


def _engine_objects(client: docker.DockerClient | None, wanted: _Wanted, dry_run: bool) -> list[Leftover]:
    try:
        engine = client or connect_engine()
    except EngineError as error:
        _log.warning("containers, networks, volumes and images are not looked for: %s", error.message)
        return []
    try:
        with engine_errors("looking for leftovers"):
            return [_removed_object(engine, found, dry_run) for found in _dead_objects(engine, wanted)]
    finally:
        if client is None:
            engine.close()


def _dead_objects(client: docker.DockerClient, wanted: _Wanted) -> Iterable[EngineObject]:
    for found in labelled_objects(client, [RUN_LABEL, OWNER_LABEL]):
        owner = Owner.parse(found.labels[OWNER_LABEL])
        if owner and wanted.has(found.labels[RUN_LABEL], owner):
            yield found


def _removed_object(client: docker.DockerClient, found: EngineObject, dry_run: bool) -> Leftover:
    problem = "" if dry_run else _problem_of(lambda: remove_object(client, found))
    return Leftover(found.kind, found.name, found.labels[RUN_LABEL], not dry_run and not problem, problem)


def _folders(folders: Iterable[OwnedFolder], wanted: _Wanted, dry_run: bool) -> list[Leftover]:
    found = []
    for folder in folders:
        if wanted.has(folder.run_id, folder.owner):
            problem = "" if dry_run else _problem_of(folder.remove)
            found.append(Leftover("folder", str(folder.path), folder.run_id, not dry_run and not problem, problem))
    return found


def _problem_of(remove: Callable[[], object]) -> str:
    try:
        remove()
    except (*ENGINE_ERRORS, OSError) as error:
        return short_reason(error)
    return ""
