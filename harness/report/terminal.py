"""A verdict for a person at a terminal: the answer first, then the table, what holds the memory, what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.model.verdict import EndpointVerdict, Verdict
from harness.report.next_steps import Step
from harness.report.printable import one_line
from harness.report.rows import STYLES, counted, judged_table, shortened
from harness.report.wording import (
    CAUSES,
    CHANNELS,
    endpoint_remarks,
    leaks,
    limits,
    place,
    run_remarks,
    share,
    size_of,
    worst_first,
)

# Leaks named in the first line, and cells of a name there; rows of clean endpoints; remarks.
MOST_NAMED: Final = 3
LONGEST_NAMED: Final = 60
MOST_CLEAN_ROWS: Final = 20
MOST_REMARKS: Final = 20


def render_verdict(verdict: Verdict, *, folder: Path | None = None, steps: Sequence[Step] = ()) -> RenderableType:
    """The whole answer; `folder` is where the run keeps its samples and record."""
    parts: list[RenderableType] = [headline(verdict), Text(), _Endpoints(verdict)]
    parts += _section("What holds the memory", [part for endpoint in leaks(verdict) for part in _held(endpoint)])
    parts += _section("To be known", _bullets(_remarks(verdict)))
    parts += _section("Next", [part for step in steps for part in _step(step)])
    if folder is not None:
        parts += [Text(), _whole(f"Kept in {one_line(str(folder))}", "dim")]
    return Group(*parts)


def headline(verdict: Verdict) -> Text:
    """One line that answers "is there a leak, and where"."""
    leaking = leaks(verdict)
    if leaking:
        named = ", ".join(
            f"{shortened(one_line(e.name), LONGEST_NAMED)} {size_of(e.bytes_per_request)}/request"
            for e in leaking[:MOST_NAMED]
        )
        many = f"{len(leaking)} of {len(verdict.endpoints)} endpoints, most of all " if leaking[MOST_NAMED:] else ""
        return Text(f"LEAK: {many}{named}", style=STYLES["leak"])
    if verdict.outcome == "leak":
        together = size_of(verdict.unattributed_bytes_per_request)
        return Text(f"LEAK: no endpoint by itself, {together}/request together", style=STYLES["leak"])
    if verdict.outcome == "clean":
        limit = max((e.upper_limit_bytes_per_request or 0.0 for e in verdict.endpoints), default=0.0)
        return Text(f"CLEAN: no endpoint keeps as much as {size_of(max(limit, 1.0))}/request", style=STYLES["clean"])
    open_ones = [endpoint for endpoint in verdict.endpoints if endpoint.verdict == "inconclusive"]
    return Text(
        f"INCONCLUSIVE: could not tell for {len(open_ones)} of {len(verdict.endpoints)} endpoints",
        style=STYLES["inconclusive"],
    )


@dataclass(frozen=True)
class _Endpoints:
    """The table, with every finding and, of many endpoints without one, as many as can be taken in."""

    verdict: Verdict

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        ordered = worst_first(self.verdict.endpoints)
        findings = sum(1 for endpoint in ordered if endpoint.verdict != "clean")
        shown = findings + MOST_CLEAN_ROWS
        hidden = ordered[shown:] if len(ordered) > shown + 1 else []
        yield judged_table(ordered[: len(ordered) - len(hidden)], options.max_width)
        if hidden:
            yield Text(f"… {len(hidden):,} more: {counted(hidden)}", style="dim")


def _section(title: str, parts: Sequence[RenderableType]) -> list[RenderableType]:
    return [Text(), Text(title, style="bold"), *parts] if parts else []


def _held(endpoint: EndpointVerdict) -> Iterable[RenderableType]:
    """One leaking endpoint: how much, where to, and each holder with its file and line."""
    told = Text.assemble(
        (one_line(endpoint.name), STYLES["leak"]),
        f" leaks {size_of(endpoint.bytes_per_request)}/request (95% {limits(endpoint)}) in ",
        f"{CHANNELS[endpoint.channel]}: {CAUSES[endpoint.cause]}",
    )
    yield _indented(told, 2)
    for holder in endpoint.holders:
        yield _indented(Text.assemble((one_line(holder.path), "bold"), f"  {share(holder)}"), 4)
        if holder.file:
            yield _whole(f"    {one_line(place(holder))}", "cyan")


def _bullets(remarks: Iterable[str]) -> list[RenderableType]:
    """One a line, wrapped beside the bullet."""
    said = list(remarks)
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for remark in said[:MOST_REMARKS]:
        grid.add_row("•", Text(one_line(remark)))
    if said[MOST_REMARKS:]:
        grid.add_row("•", Text(f"… and {len(said) - MOST_REMARKS:,} more remarks, which the record has"))
    return [_indented(grid, 2)] if said else []


def _remarks(verdict: Verdict) -> Iterable[str]:
    """What concerns all of the run first; what is to be said of several endpoints is said once."""
    yield from run_remarks(verdict)
    about: dict[str, list[str]] = {}
    for endpoint in worst_first(verdict.endpoints):
        for remark in endpoint_remarks(endpoint):
            about.setdefault(remark, []).append(endpoint.name)
    for remark, names in about.items():
        more = f" and {len(names) - MOST_NAMED:,} more" if names[MOST_NAMED:] else ""
        yield f"{', '.join(names[:MOST_NAMED])}{more}: {remark}"


def _step(step: Step) -> Iterable[RenderableType]:
    """The command in a line of its own, whole, so that it can be copied."""
    yield _indented(Text(one_line(step.purpose)), 2)
    yield _whole(f"    {one_line(step.command)}", "cyan")


def _indented(part: RenderableType, by: int) -> Padding:
    return Padding(part, (0, 0, 0, by))


def _whole(text: str, style: str) -> Text:
    """A line that is not broken, as a file's name or a command: the terminal wraps it where it is too long."""
    return Text(text, style=style, no_wrap=True, overflow="ignore")
