"""A history for other programs: CSV as Apache Otava imports it, JSON in Bencher's metric format, and our own."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, Final

from harness.model.history import HistoryRun, Point, ScenarioHistory, Trend
from harness.report.printable import one_line
from harness.report.wording import is_known

MEASURE: Final = "retained-bytes-per-request"


def render_otava(history: ScenarioHistory) -> str:
    """Columns time, commit, run, and one an endpoint: Otava takes numbers alone, so every cell has one.

    Runs that measured none of the endpoints of the newest run fully are left out, see `left_out`.
    """
    names = _columns(history)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["time", "commit", "run", *map(one_line, names)])
    for run, found in _whole_runs(history, names):
        writer.writerow(
            [run.began.strftime("%Y-%m-%d %H:%M:%S +0000"), run.revision, run.folder]
            + [found[name].bytes_per_request for name in names]
        )
    return text.getvalue()


def left_out(history: ScenarioHistory) -> int:
    """Runs that `render_otava` has no number for in some column."""
    return len(history.runs) - len(_whole_runs(history, _columns(history)))


def render_bencher(history: ScenarioHistory) -> str:
    """The newest run: a benchmark an endpoint, with its limits (https://bencher.dev/bmf.json)."""
    newest = history.runs[-1].points if history.runs else ()
    document = {point.name: {MEASURE: _metric(point)} for point in newest if is_known(point.bytes_per_request)}
    return json.dumps(document, indent=2) + "\n"


def history_document(history: ScenarioHistory) -> dict[str, Any]:
    """The document of `hyperleak history --json`, one a scenario; points name their run by its place in `runs`."""
    return {
        "schema_version": 1,
        "scenario": history.scenario,
        "runs": [run.model_dump(mode="json", exclude={"points"}) for run in history.runs],
        "endpoints": [_trend(trend) for trend in history.trends],
        "damaged": [damaged.model_dump(mode="json") for damaged in history.damaged],
    }


def _trend(trend: Trend) -> dict[str, Any]:
    return {
        "name": trend.name,
        "points": [
            {
                "run": index,
                "verdict": point.verdict,
                "bytes_per_request": point.bytes_per_request,
                "ci95": [point.low, point.high],
                "requests": point.requests,
                "channel": point.channel,
                "holder": point.holder,
            }
            for index, point in zip(trend.runs, trend.points, strict=True)
        ],
        "changes": [change.model_dump(mode="json") for change in trend.changes],
    }


def _columns(history: ScenarioHistory) -> list[str]:
    return [point.name for point in history.runs[-1].points] if history.runs else []


def _whole_runs(history: ScenarioHistory, names: list[str]) -> list[tuple[HistoryRun, dict[str, Point]]]:
    found = [(run, {point.name: point for point in run.points}) for run in history.runs]
    return [
        (run, points)
        for run, points in found
        if all(name in points and is_known(points[name].bytes_per_request) for name in names)
    ]


def _metric(point: Point) -> dict[str, float]:
    metric = {"value": point.bytes_per_request}
    if is_known(point.low) and is_known(point.high):
        metric |= {"lower_value": point.low, "upper_value": point.high}
    return metric
