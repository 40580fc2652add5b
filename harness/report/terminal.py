"""A verdict for a person at a terminal: the answer first, then the table, then what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.model.verdict import EndpointVerdict, Verdict
from harness.report.printable import one_line
from harness.report.wording import (
    endpoint_remarks,
    leaks,
    limits,
    number,
    place,
    run_remarks,
    share,
    size_of,
    story,
    worst_first,
)

_STYLES = {
    "leak": "bold red",
    "clean": "green",
    "bounded": "cyan",
    "garbage": "cyan",
    "inconclusive": "yellow",
}


def render_verdict(verdict: Verdict, *, folder: Path | None = None) -> RenderableType:
    """The whole answer; `folder` is where the run keeps its samples and record."""
    parts: list[RenderableType] = [headline(verdict), Text(), _table(verdict)]
    parts.append(_bullets(_remarks(verdict)))
    if folder is not None:
        parts += [Text(), Text(f"Kept in {folder}", style="dim")]
    return Group(*parts)


def headline(verdict: Verdict) -> Text:
    """One line that answers "is there a leak, and where"."""
    leaking = leaks(verdict)
    if leaking:
        named = ", ".join(f"{one_line(e.name)} {size_of(e.bytes_per_request)}/request" for e in leaking)
        return Text(f"LEAK: {named}", style=_STYLES["leak"])
    if verdict.outcome == "leak":
        together = size_of(verdict.unattributed_bytes_per_request)
        return Text(f"LEAK: no endpoint by itself, {together}/request together", style=_STYLES["leak"])
    if verdict.outcome == "clean":
        limit = max((e.upper_limit_bytes_per_request or 0.0 for e in verdict.endpoints), default=0.0)
        return Text(f"CLEAN: no endpoint keeps as much as {size_of(max(limit, 1.0))}/request", style=_STYLES["clean"])
    open_ones = _with(verdict, "inconclusive")
    return Text(
        f"INCONCLUSIVE: could not tell for {len(open_ones)} of {len(verdict.endpoints)} endpoints",
        style=_STYLES["inconclusive"],
    )


def _table(verdict: Verdict) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("endpoint", overflow="fold", min_width=24)
    table.add_column("verdict", no_wrap=True)
    for title in ("B/request", "95% limits", "requests"):
        table.add_column(title, justify="right", no_wrap=True)
    for endpoint in worst_first(verdict.endpoints):
        table.add_row(
            Text(one_line(endpoint.name)),
            Text(endpoint.verdict, style=_STYLES[endpoint.verdict]),
            number(endpoint.bytes_per_request),
            limits(endpoint),
            f"{endpoint.requests:,}",
        )
    return table


def _bullets(remarks: Iterable[str]) -> Table:
    """One a line, wrapped beside the bullet; what begins with blanks belongs to the one before."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for remark in remarks:
        grid.add_row("" if remark.startswith(" ") else "•", Text(one_line(remark.strip())))
    return grid


def _remarks(verdict: Verdict) -> Iterable[str]:
    for endpoint in leaks(verdict):
        yield f"{endpoint.name} {story(endpoint)}"
        for holder in endpoint.holders:
            where = f", {place(holder)}" if holder.file else ""
            yield f"  {holder.path}{where}: {share(holder)}"
    for endpoint in verdict.endpoints:
        for remark in endpoint_remarks(endpoint):
            yield f"{endpoint.name}: {remark}"
    yield from run_remarks(verdict)


def _with(verdict: Verdict, outcome: str) -> list[EndpointVerdict]:
    return [endpoint for endpoint in verdict.endpoints if endpoint.verdict == outcome]
