"""One picture of a measurement that goes on, as large as the terminal is at that moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.cli.live.curve import Curve, sparkline
from harness.cli.live.progress import Progress
from harness.model.verdict import EndpointVerdict
from harness.report.printable import one_line
from harness.report.rows import NUMBERS_WIDTH, STYLES, counted, shortened
from harness.report.wording import limits, number, worst_first
from harness.units import format_duration, format_size

HINT: Final = "Ctrl-C once: finish this window and analyse · twice: stop at once"
STOPPING: Final = "finishing this window, then analysing · Ctrl-C once more stops at once"
KINDS: Final = {"warmup": "warming up", "load": "", "idle": "", "mix": "all endpoints together", "soak": "soak"}
# Below this height the curves and the hint make room for the endpoints.
LOW: Final = 12
MOST_EVENTS_SHOWN: Final = 3
_BAR_WIDTH: Final = 30
_WIDEST_NAME: Final = 100


@dataclass(frozen=True)
class Frame:
    """`progress` at `now_s`; `stopping` when the user has asked for an end."""

    progress: Progress
    now_s: float
    stopping: bool

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = options.max_width, options.size.height
        head = list(self._head(width, with_curves=height >= LOW))
        events = self.progress.events[-MOST_EVENTS_SHOWN:] if height >= 2 * LOW else ()
        foot = 2 if height >= LOW else 0
        yield from head
        yield from _endpoints(self.progress, width, height - len(head) - len(events) - foot - 1)
        yield from (_line(f"! {one_line(event)}", "yellow") for event in events)
        if foot:
            yield Text()
            yield _line(STOPPING if self.stopping else HINT, "bold yellow" if self.stopping else "dim")

    def _head(self, width: int, *, with_curves: bool) -> Iterable[Text | Table]:
        progress = self.progress
        yield _title(progress, self.now_s, width)
        yield self._budget(width)
        yield _counts(progress)
        if with_curves:
            yield from _curves(progress, width)
            yield Text()

    def _budget(self, width: int) -> Text | Table:
        progress = self.progress
        used_s = self.now_s - progress.budget_began_s
        stage = KINDS.get(progress.kind or "", "")
        block = f"block {progress.block + 1}" if progress.is_under_load else ""
        if not progress.budget_s:
            parts = (_seconds(self.now_s - progress.phase_began_s), stage if progress.kind == "warmup" else "")
            return _line(" · ".join(part for part in parts if part))
        left_s = max(0.0, progress.budget_s - used_s)
        time = f"{_seconds(used_s)} of {format_duration(progress.budget_s)}"
        left = f"at most {_seconds(left_s)} left" if left_s else "budget used"
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(no_wrap=True, width=max(8, min(_BAR_WIDTH, width // 4)))
        row.add_column(no_wrap=True, overflow="ellipsis")
        bar = ProgressBar(total=progress.budget_s, completed=min(used_s, progress.budget_s))
        row.add_row(bar, " · ".join(part for part in (time, left, block, stage) if part))
        return row


def _title(progress: Progress, now_s: float, width: int) -> Table:
    row = Table.grid(expand=True)
    row.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    row.add_column(no_wrap=True, justify="right")
    elapsed = _seconds(now_s - progress.began_s)
    name = shortened(one_line(progress.title), max(8, width // 2))
    row.add_row(Text.assemble((name, "bold"), " · ", (progress.phase, "bold cyan")), Text(elapsed, style="dim"))
    return row


def _counts(progress: Progress) -> Text:
    text = Text(f"{progress.requests:,} requests", no_wrap=True, overflow="ellipsis")
    if progress.rate:
        text.append(f" · {progress.rate:,.0f}/s under load")
    if progress.failures:
        text.append(f" · {progress.failures:,} failures", style="bold red")
    elif progress.is_under_load:
        text.append(" · no failures", style="dim")
    return text


def _curves(progress: Progress, width: int) -> Iterable[Text]:
    memory = progress.memory
    name_width = len(max("heaps", memory.resident_name, key=len))
    for name, curve, style in (("heaps", memory.heaps, "magenta"), (memory.resident_name, memory.resident, "blue")):
        if curve.count:
            yield _curve(name.ljust(name_width), curve, style, width)


def _curve(name: str, curve: Curve, style: str, width: int) -> Text:
    growth = f"{'+' if curve.growth >= 0 else ''}{format_size(curve.growth)}"
    told = f"{name}  {format_size(curve.last):>9}  {growth:>10}  "
    line = Text(told, no_wrap=True, overflow="crop")
    return line.append(sparkline(curve.points, max(0, min(width - len(told), 120))), style=style)


def _endpoints(progress: Progress, width: int, height: int) -> Iterable[Table | Text]:
    """The worst endpoints in `height` lines, the header and what is said of the others with them."""
    found = {endpoint.name for endpoint in progress.found}
    rows: list[EndpointVerdict | str] = [*worst_first(progress.found)]
    rows += [name for name in progress.waiting if name not in found]
    fit = height - 1 if len(rows) < height else height - 2
    if fit < 1:
        yield _line(_others(rows, "so far"))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    name_width = max(16, min(width - NUMBERS_WIDTH, _WIDEST_NAME, max((_name_cells(row) for row in rows), default=16)))
    table.add_column("endpoint", no_wrap=True, width=name_width)
    table.add_column("verdict", no_wrap=True, min_width=12)
    for title, least in (("B/request", 9), ("95% limits", 17), ("requests", 8)):
        table.add_column(title, justify="right", no_wrap=True, min_width=least)
    for row in rows[:fit]:
        table.add_row(*_cells(row, name_width, progress))
    yield table
    if rows[fit:]:
        yield _line(f"… {len(rows) - fit:,} more: {_others(rows[fit:], 'not asked yet')}", "dim")


def _cells(row: EndpointVerdict | str, name_width: int, progress: Progress) -> tuple[Text | str, ...]:
    if isinstance(row, str):
        return Text(shortened(one_line(row), name_width), style="dim"), Text("…", style="dim"), "", "", ""
    return (
        Text(shortened(one_line(row.name), name_width)),
        standing(row, progress.is_settled),
        number(row.bytes_per_request) if row.requests else "",
        limits(row) if row.requests else "",
        f"{max(row.requests, _sent(progress, row.name)):,}",
    )


def standing(endpoint: EndpointVerdict, is_settled: bool) -> Text:
    """The verdict so far: a question mark behind what is on its way to one."""
    if endpoint.verdict != "inconclusive":
        return Text(endpoint.verdict if is_settled else f"{endpoint.verdict}?", style=STYLES[endpoint.verdict])
    if endpoint.ci95[0] > 0 and endpoint.bytes_per_request > 0:
        return Text("leak?", style=STYLES["inconclusive"])
    return Text("open", style="dim")


def _sent(progress: Progress, name: str) -> int:
    """Requests of the load so far, which are more than those of the last look."""
    if not progress.is_under_load or name not in progress.waiting:
        return 0
    index = progress.waiting.index(name)
    return progress.sent[index] if index < len(progress.sent) else 0


def _others(rows: list[EndpointVerdict | str], said: str) -> str:
    judged = [row for row in rows if not isinstance(row, str)]
    silent = len(rows) - len(judged)
    return ", ".join(part for part in (counted(judged), f"{silent:,} {said}" if silent else "") if part)


def _name_cells(row: EndpointVerdict | str) -> int:
    return Text(one_line(row if isinstance(row, str) else row.name)).cell_len


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _seconds(duration_s: float) -> str:
    """Whole seconds, which don't flicker."""
    return format_duration(round(duration_s)) if duration_s >= 1 else "0s"
