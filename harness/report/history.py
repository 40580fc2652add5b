"""The history of scenarios for a person at a terminal: each endpoint's trend in a line, or one endpoint's nights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.model.history import Change, HistoryRun, Point, ScenarioHistory, Trend
from harness.report.comparison import signed
from harness.report.printable import one_line
from harness.report.rows import STYLES
from harness.report.wording import is_known, number

# Runs in a line of trend; nights that are listed of one endpoint; damaged folders that are named.
TREND_RUNS: Final = 16
MOST_DAMAGED: Final = 10
USUAL_THRESHOLD_BYTES: Final = 64.0
_BARS: Final = "▁▂▃▄▅▆▇█"


def render_histories(histories: Sequence[ScenarioHistory]) -> RenderableType:
    """All scenarios, each with its endpoints."""
    return Group(*(part for history in histories for part in _scenario(history)))


def render_nights(history: ScenarioHistory, trend: Trend, last: int) -> RenderableType:
    """The `last` runs of one endpoint, the newest at the end, with what changed between them."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("night", "commit", "verdict"):
        table.add_column(title, no_wrap=True)
    for title in ("B/request", "95% limits"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("changed", no_wrap=True)
    changed = {change.first_after: change for change in trend.changes}
    for index, point in list(zip(trend.runs, trend.points, strict=True))[-last:]:
        run = history.runs[index]
        table.add_row(*_night(run, point), _size(changed.get(run.folder)))
    return Group(Text(f"{one_line(history.scenario)}: {one_line(trend.name)}", style="bold"), table)


def night_of(folder: str) -> str:
    """The day in a run folder's name, as 2026-03-01."""
    return f"{folder[:4]}-{folder[4:6]}-{folder[6:8]}"


def told(change: Change, runs: dict[str, HistoryRun]) -> str:
    """A change in words, with the commits it came between where the runs know them."""
    before, after = runs[change.last_before], runs[change.first_after]
    commits = f", commits {before.revision}..{after.revision}" if before.revision and after.revision else ""
    if before.revision and before.revision == after.revision:
        commits = f", both of commit {after.revision}"
    levels = f"from {number(change.before_bytes)} to {number(change.after_bytes)} B/request"
    return f"{night_of(change.first_after)}: {signed(change.size_bytes)}, {levels}{commits}"


def spark(values: Sequence[float]) -> str:
    """The values as bars from 0 to the largest, and to what would be called a leak at the least."""
    top = max((USUAL_THRESHOLD_BYTES, *values))
    return "".join(_BARS[min(7, int(max(value, 0.0) / top * 7.99))] for value in values)


def _scenario(history: ScenarioHistory) -> Iterable[RenderableType]:
    runs = {run.folder: run for run in history.runs}
    nights = f", {night_of(history.runs[0].folder)} to {night_of(history.runs[-1].folder)}" if history.runs else ""
    yield Text(f"{one_line(history.scenario)}: {len(history.runs):,} runs{nights}", style="bold")
    if history.trends:
        yield _table(history)
    for trend in history.trends:
        for change in trend.changes:
            yield _indented(f"{one_line(trend.name)} {one_line(told(change, runs))}")
    for damaged in history.damaged[:MOST_DAMAGED]:
        yield _indented(f"left out {one_line(damaged.folder)}: {one_line(damaged.reason)}", "yellow")
    if history.damaged[MOST_DAMAGED:]:
        yield _indented(f"… and {len(history.damaged) - MOST_DAMAGED:,} more that can't be read", "yellow")
    yield Text()


def _indented(text: str, style: str = "") -> Padding:
    return Padding(Text(text, style=style), (0, 0, 0, 2))


def _table(history: ScenarioHistory) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("endpoint", overflow="fold", min_width=20)
    table.add_column("now", no_wrap=True)
    table.add_column("B/request", justify="right", no_wrap=True)
    table.add_column(f"last {TREND_RUNS} runs", no_wrap=True)
    table.add_column("last change", no_wrap=True)
    for trend in history.trends:
        newest, verdict = trend.points[-1], trend.points[-1].verdict
        table.add_row(
            Text(one_line(trend.name)),
            Text(verdict, style=STYLES[verdict]),
            number(newest.bytes_per_request),
            spark([point.bytes_per_request for point in trend.points[-TREND_RUNS:] if is_known(point.high)]),
            _last_change(trend),
        )
    return table


def _last_change(trend: Trend) -> Text:
    if not trend.changes:
        return Text("")
    change = trend.changes[-1]
    return Text(f"{night_of(change.first_after)} ") + _size(change)


def _size(change: Change | None) -> Text:
    if change is None:
        return Text("")
    return Text(signed(change.size_bytes), style="red" if change.size_bytes > 0 else "green")


def _night(run: HistoryRun, point: Point) -> tuple[str, str, Text, str, str]:
    limits = f"{number(point.low)} … {number(point.high)}" if is_known(point.high) else "unknown"
    return (
        f"{run.began:%Y-%m-%d %H:%M}",
        one_line(run.revision),
        Text(point.verdict, style=STYLES[point.verdict]),
        number(point.bytes_per_request),
        limits,
    )
