"""The table of endpoints, for a terminal of any size: while they are measured, and when they are judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from harness.model.verdict import EndpointOutcome, EndpointVerdict
from harness.report.printable import one_line
from harness.report.wording import CAUSES, WORST_FIRST, limits, number, place

STYLES: Final[dict[EndpointOutcome, str]] = {
    "leak": "bold red",
    "clean": "green",
    "bounded": "cyan",
    "garbage": "cyan",
    "inconclusive": "yellow",
}
# What the columns beside an endpoint's name take, with the blanks between.
NUMBERS_WIDTH: Final = 12 + 9 + 17 + 8 + 8
# From this width on the table says what holds the memory, too.
WIDE: Final = 132


def endpoints_table() -> Table:
    """An empty table with the columns that every table of endpoints begins with."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("endpoint", overflow="fold", min_width=24)
    table.add_column("verdict", no_wrap=True)
    for title in ("B/request", "95% limits", "requests"):
        table.add_column(title, justify="right", no_wrap=True)
    return table


def judged_table(endpoints: Sequence[EndpointVerdict], width: int) -> Table:
    """One row each; a wide terminal also has room for what holds the memory of those that leak.

    The name of a clean endpoint takes one line, shortened where it must be; of what was found the whole is told.
    """
    table = endpoints_table()
    with_holders = width >= WIDE and any(e.verdict == "leak" for e in endpoints)
    if with_holders:
        table.add_column("held by", overflow="fold")
    room = max(24, (width - NUMBERS_WIDTH) // (2 if with_holders else 1))
    for endpoint in endpoints:
        name = one_line(endpoint.name)
        cells: list[RenderableType] = [
            Text(shortened(name, room) if endpoint.verdict == "clean" else name),
            Text(endpoint.verdict, style=STYLES[endpoint.verdict]),
            number(endpoint.bytes_per_request),
            limits(endpoint),
            f"{endpoint.requests:,}",
        ]
        if with_holders:
            cells.append(Text(one_line(_held_by(endpoint))))
        table.add_row(*cells)
    return table


def counted(endpoints: Iterable[EndpointVerdict]) -> str:
    """How many there are of each verdict, as "2 leak, 5 clean"."""
    counts = Counter(endpoint.verdict for endpoint in endpoints)
    return ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in WORST_FIRST if counts[outcome])


def shortened(text: str, width: int) -> str:
    """The text in at most `width` cells: beginning and end stay, the middle goes."""
    if cell_len(text) <= width:
        return text
    if width < 5:
        return set_cell_size(text, max(width, 0))
    ending = (width - 1) // 2
    head = set_cell_size(text, width - 1 - ending).rstrip()
    tail = text[-ending:]
    while cell_len(tail) > ending:
        tail = tail[1:]
    return f"{head}…{tail}"


def _held_by(endpoint: EndpointVerdict) -> str:
    if endpoint.verdict != "leak":
        return ""
    if not endpoint.holders:
        return CAUSES[endpoint.cause]
    return f"{endpoint.holders[0].path} {place(endpoint.holders[0])}".rstrip()
