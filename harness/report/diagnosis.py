"""Second opinions as a terminal, Markdown and the page show them: one table, and what each tool could not tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.model.diagnosis import Diagnosis, Suspect, ToolReport
from harness.report.markdown import cell, code, prose
from harness.report.printable import one_line

MOST_SUSPECTS: Final = 5
MOST_CALLERS: Final = 2
NOTHING: Final = "nothing grew with the requests"


class Opinion(NamedTuple):
    """One line of the table: what a tool saw grow; `callers` go from the inside outwards."""

    tool: str
    endpoint: str
    where: str
    place: str
    callers: tuple[str, ...]
    kind: str
    size: str
    calls: str


def opinions_of(diagnosis: Diagnosis) -> list[Opinion]:
    """The largest suspects of every tool that told something."""
    return [
        _opinion(report, suspect)
        for report in diagnosis.reports
        if report.status == "told"
        for suspect in report.suspects[:MOST_SUSPECTS]
    ]


def remarks_on(diagnosis: Diagnosis) -> Iterator[str]:
    """What a tool could not tell, or what is to be known of what it told."""
    for report in diagnosis.reports:
        about = f"{report.tool}, {report.endpoint}"
        if report.status != "told":
            yield f"{about}: {report.status}: {report.message}"
        elif not report.suspects:
            yield f"{about}: {NOTHING}"
        if report.suspects[MOST_SUSPECTS:]:
            yield f"{about}: {len(report.suspects) - MOST_SUSPECTS} smaller ones are in diagnosis.json"
        yield from (f"{about}: {note}" for note in report.notes)


def render_diagnosis(diagnosis: Diagnosis) -> RenderableType:
    """For a terminal."""
    opinions = opinions_of(diagnosis)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("tool", "endpoint", "where, called from"):
        table.add_column(column, overflow="fold")
    for column in ("B/request", "calls/request"):
        table.add_column(column, justify="right", no_wrap=True)
    for opinion in opinions:
        table.add_row(
            *(Text(one_line(text)) for text in (opinion.tool, opinion.endpoint)), _where(opinion), *_numbers(opinion)
        )
    parts: list[RenderableType] = [Text("Second opinions", style="bold")]
    parts += [table] if opinions else []
    return Group(*parts, *(Text(f"• {one_line(remark)}") for remark in remarks_on(diagnosis)))


def markdown_opinions(diagnosis: Diagnosis) -> str:
    """A section of the Markdown report; empty where no tool was asked."""
    opinions, remarks = opinions_of(diagnosis), list(remarks_on(diagnosis))
    if not opinions and not remarks:
        return ""
    lines = ["**Second opinions**", ""]
    if opinions:
        lines += ["| tool | endpoint | where ← called from | B/request | calls/request |", "|---|---|---|---:|---:|"]
        lines += [_row(opinion) for opinion in opinions]
        lines += [""] if remarks else []
    lines += [f"- {prose(remark)}" for remark in remarks]
    return "\n".join(lines) + "\n"


def _row(opinion: Opinion) -> str:
    where = " ← ".join(cell(name) for name in (opinion.where, *opinion.callers))
    place = f" in {cell(opinion.place)}" if opinion.place else ""
    numbers = " | ".join(_numbers(opinion))
    return f"| {code(opinion.tool)} | {cell(opinion.endpoint)} | {where}{place} | {numbers} |"


def _where(opinion: Opinion) -> Text:
    told = Text(one_line(opinion.where), style="bold")
    if opinion.kind:
        told.append(f"  {one_line(opinion.kind)}", style="not bold dim")
    for line in (opinion.place, *(f"← {name}" for name in opinion.callers)):
        if line:
            told.append(f"\n{one_line(line)}", style="not bold")
    return told


def _numbers(opinion: Opinion) -> Iterable[str]:
    return opinion.size, opinion.calls


def _opinion(report: ToolReport, suspect: Suspect) -> Opinion:
    return Opinion(
        tool=report.tool,
        endpoint=report.endpoint,
        where=suspect.where,
        place=f"{suspect.file}:{suspect.line}" if suspect.file else "",
        callers=suspect.stack[1 : 1 + MOST_CALLERS],
        kind=suspect.kind,
        size=f"{suspect.bytes_per_request:,.1f}",
        calls="–" if suspect.calls_per_request is None else f"{suspect.calls_per_request:,.2f}",
    )
