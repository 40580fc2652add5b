"""The history of scenarios: every endpoint's growth over the runs, and where it changed for good."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.analysis.changes import Step
from harness.errors import InputError
from harness.model.comparison import STOPPED, UNBOUNDED_BYTES
from harness.model.history import Change, HistoryRun, Point, ScenarioHistory, Trend
from harness.nightly.found_steps import FoundSteps
from harness.nightly.index import read_runs

# Half of the usual threshold of a leak, as in a comparison.
SMALLEST_CHANGE_BYTES = 32.0
LEVEL = 0.01
# Limits at 95% are so many standard errors from the estimate, or more.
LIMITS_SCALES = 1.96

FindSteps = Callable[[Sequence[float], Sequence[float]], list[Step]]


def read_history(
    results: Path, scenarios: Sequence[str] = (), *, smallest_bytes: float = SMALLEST_CHANGE_BYTES
) -> tuple[ScenarioHistory, ...]:
    """What `results` knows of these scenarios (all, where none is named). Raises InputError where there is nothing."""
    folders = [results / name for name in scenarios] or _scenario_folders(results)
    missing = [folder for folder in folders if not folder.is_dir()]
    if missing or not folders:
        what = f"{missing[0]}: there is no such folder" if missing else f"{results}: no runs are kept here"
        raise InputError(what, hint="choose the folder of the runs with --results; `hyperleak run` keeps them there")
    return tuple(_history(folder, smallest_bytes) for folder in folders)


def _scenario_folders(results: Path) -> list[Path]:
    return sorted(path for path in results.iterdir() if path.is_dir()) if results.is_dir() else []


def _history(folder: Path, smallest_bytes: float) -> ScenarioHistory:
    runs, damaged = read_runs(folder)
    steps = FoundSteps(folder, smallest=smallest_bytes, level=LEVEL)
    trends = trends_of(runs, steps.find)
    steps.keep()
    return ScenarioHistory.model_construct(scenario=folder.name, runs=runs, trends=trends, damaged=damaged)


def trends_of(runs: Sequence[HistoryRun], find: FindSteps) -> tuple[Trend, ...]:
    """Every endpoint that any run measured, in the order of the newest run that has it."""
    measured: dict[str, list[tuple[int, Point]]] = defaultdict(list)
    for index, run in enumerate(runs):
        for point in run.points:
            measured[point.name].append((index, point))
    order = {name: rank for rank, name in enumerate(dict.fromkeys(p.name for run in runs[::-1] for p in run.points))}
    return tuple(_trend(name, measured[name], runs, find) for name in sorted(measured, key=order.__getitem__))


def _trend(name: str, measured: list[tuple[int, Point]], runs: Sequence[HistoryRun], find: FindSteps) -> Trend:
    known = [(index, point) for index, point in measured if _is_bounded(point)]
    values = [kept_for_good(point) for _, point in known]
    steps = find(values, [(point.high - point.low) / 2.0 / LIMITS_SCALES for _, point in known])
    folders = [runs[index].folder for index, _ in known]
    return Trend.model_construct(
        name=name,
        runs=tuple(index for index, _ in measured),
        points=tuple(point for _, point in measured),
        changes=tuple(_change(step, folders) for step in steps),
    )


def kept_for_good(point: Point) -> float:
    """Bytes a request that are never given back: growth that stopped, or that the collector frees, is none."""
    return 0.0 if point.verdict in STOPPED else point.bytes_per_request


def _is_bounded(point: Point) -> bool:
    """Whether the run could say anything of the endpoint at all."""
    figures = (point.bytes_per_request, point.low, point.high)
    return all(math.isfinite(figure) and abs(figure) < UNBOUNDED_BYTES for figure in figures)


def _change(step: Step, folders: Sequence[str]) -> Change:
    return Change(
        last_before=folders[step.position - 1],
        first_after=folders[step.position],
        before_bytes=round(step.before, 3),
        after_bytes=round(step.after, 3),
        p_value=round(step.p_value, 4),
    )
