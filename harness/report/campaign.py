"""A campaign for people: at a terminal, in Markdown, and as a document for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.model.campaign import Attempt, CampaignResult, CampaignRun, Reproduction
from harness.model.notice import Notice, Severity
from harness.report import campaign_wording as wording
from harness.report.markdown import cell, prose
from harness.report.notice import bounded_text
from harness.report.printable import one_line

_TITLES: Final = ("scenario", "variant", "endpoint", "runs", "leaks (95% limits)", "B/request", "verdicts")
_RIGHT: Final = frozenset({"runs", "leaks (95% limits)", "B/request"})
_STYLES: Final = {"LEAK": "bold red", "CLEAN": "green", "INCONCLUSIVE": "yellow"}
_SEVERITIES: Final[dict[str, Severity]] = {"LEAK": "leak", "CLEAN": "clean", "INCONCLUSIVE": "open"}
_MOST_REMARKS: Final = 30


def render_campaign(result: CampaignResult) -> RenderableType:
    """The answer, a row for each case, and what is to be known."""
    said = wording.answer(result)
    parts: list[RenderableType] = [
        Text(said, style=_STYLES[said.partition(":")[0]]),
        Text(wording.counted(result.runs)),
    ]
    if result.cases:
        parts += [Text(), _table(result)]
    parts += [Text(f"• {one_line(remark)}") for remark in _bounded(wording.remarks(result))]
    return Group(*parts)


def render_runs(runs: Sequence[CampaignRun]) -> RenderableType:
    """A line for each run."""
    return Group(Text(wording.counted(runs)), Text(), *(Text(wording.run_line(run)) for run in runs))


def _table(result: CampaignResult) -> Table:
    """A row for each endpoint, under the name of its case."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(_TITLES[2], overflow="fold", min_width=20)
    for title in _TITLES[3:]:
        table.add_column(title, justify="right" if title in _RIGHT else "left", no_wrap=title in _RIGHT)
    for name, cases in groupby(result.cases, wording.case_name):
        table.add_row(Text(name, style="bold"))
        for case in cases:
            table.add_row(*(Text(one_line(shown)) for shown in _cells(case)[2:]), style=_row_style(case))
    return table


def _row_style(case: Reproduction) -> str:
    return "" if case.consistent and case.rate == 0 else "red" if case.consistent else "yellow"


def render_campaign_markdown(result: CampaignResult) -> str:
    lines = [f"### {prose(wording.answer(result))}", "", prose(wording.counted(result.runs)), ""]
    lines += [f"| {' | '.join(_TITLES)} |", "|" + "|".join("---:" if t in _RIGHT else "---" for t in _TITLES) + "|"]
    for case in result.cases:
        names = [cell(name) for name in _cells(case)[:3]]
        lines.append(f"| {' | '.join([*names, *_cells(case)[3:]])} |")
    said = [f"- {prose(remark)}" for remark in _bounded(wording.remarks(result))]
    return "\n".join([*lines, "", *said]).rstrip() + "\n"


def _cells(case: Reproduction) -> tuple[str, ...]:
    return (
        case.scenario,
        case.variant,
        case.endpoint,
        f"{case.runs:,}",
        wording.rate(case),
        wording.sizes(case),
        wording.verdicts(case),
    )


def _bounded(remarks: Iterable[str]) -> list[str]:
    said = list(remarks)
    rest = len(said) - _MOST_REMARKS
    return [*said[:_MOST_REMARKS], f"… and {rest:,} more"] if rest > 0 else said


def campaign_document(result: CampaignResult, exit_code: int) -> dict[str, Any]:
    """The JSON document, version 1; folders are as they were given."""
    return {
        **runs_document(result.name, result.seed, result.runs, exit_code),
        "cases": [case.model_dump(mode="json") | {"consistent": case.consistent} for case in result.cases],
        "remarks": list(result.remarks),
    }


def render_campaign_notice(result: CampaignResult, where: str, *, link: str = "") -> Notice:
    """A message to people who wait for the campaign's end."""
    said = wording.answer(result)
    word = said.partition(":")[0]
    lines = [said, wording.counted(result.runs), *(f"• {one_line(remark)}" for remark in wording.remarks(result))]
    return Notice(
        title=f"hyperleak: {word}: campaign {one_line(result.name)}",
        body=bounded_text([*lines, one_line(where)], [link] if link else []),
        severity=_SEVERITIES[word],
    )


def runs_document(name: str, seed: int, runs: Sequence[CampaignRun], exit_code: int) -> dict[str, Any]:
    """The same without what the runs have in common."""
    return {
        "schema_version": 1,
        "campaign": name,
        "seed": seed,
        "exit_code": exit_code,
        "planned": len(runs),
        **{state: sum(run.state == state for run in runs) for state in wording.STATES},
        "runs": [_run(run) for run in runs],
    }


def render_campaign_json(result: CampaignResult, exit_code: int) -> str:
    return json.dumps(campaign_document(result, exit_code), indent=2) + "\n"


def _run(run: CampaignRun) -> dict[str, Any]:
    return {
        **run.slot.model_dump(mode="json"),
        "state": run.state,
        "outcome": run.verdict.outcome if run.verdict else None,
        "run_id": run.verdict.run_id if run.verdict else None,
        "attempts": [_attempt(attempt) for attempt in run.attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    outcome = attempt.outcome.model_dump(mode="json") if attempt.outcome else {"exit_code": None}
    return {"number": attempt.number, "folder": str(attempt.folder), **outcome}
