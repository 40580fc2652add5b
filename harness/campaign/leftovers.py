"""Removes what cut-off runs of a campaign left running, and nothing that isn't theirs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import closing

from harness.errors import EngineError
from harness.model.campaign import CampaignRun
from harness.target import Leftover, collect_garbage, connect_engine
from harness.target.workspace import read_owner


def cut_off_run_ids(runs: Sequence[CampaignRun]) -> list[str]:
    """The ids of attempts that never came to say how they ended; one that had started nothing yet has none."""
    folders = [attempt.folder for run in runs for attempt in run.attempts if attempt.outcome is None]
    return [owned.run_id for folder in folders if (owned := read_owner(folder))]


def remove_leftovers(run_ids: Collection[str], engines: Sequence[str], remark: Callable[[str], None]) -> None:
    """Containers, networks, processes and temporary folders of these runs, on every engine; says what it removed."""
    if not run_ids:
        return
    for engine in engines:
        for leftover in _collect(run_ids, engine, remark):
            done = f"could not remove ({leftover.problem})" if leftover.problem else "removed"
            remark(f"{done}: {leftover.kind} {leftover.name} of run {leftover.run_id}")


def _collect(run_ids: Collection[str], engine: str, remark: Callable[[str], None]) -> tuple[Leftover, ...]:
    if not engine:
        return collect_garbage(run_ids=run_ids)
    try:
        with closing(connect_engine(engine)) as client:
            return collect_garbage(run_ids=run_ids, client=client)
    except EngineError as error:
        remark(f"containers of cut-off runs are not looked for: {error.message}")
        return ()
