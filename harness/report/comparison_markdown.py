"""A comparison as Markdown, for a pull request's comment or a job's summary; escaped as every Markdown here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from harness.model.comparison import Comparison, EndpointComparison
from harness.report.comparison import (
    difference_text,
    figure_text,
    headline,
    limits_text,
    outcome_text,
    remarks_of,
    worst_first,
)
from harness.report.markdown import MOST_REMARKS, MOST_ROWS, cell, prose

_SIGNS: Final = {
    "regression": "🔴",
    "inconclusive": "🟡",
    "not comparable": "🟡",
    "improvement": "🟢",
    "same": "🟢",
    "new": "🔵",
    "gone": "🔵",
    "known": "🟣",
}


def render_comparison_markdown(comparison: Comparison) -> str:
    parts = [f"### {prose(headline(comparison))}"]
    if comparison.endpoints:
        parts.append("\n".join(_table(comparison)))
    parts.append("\n".join(_remarks(comparison)))
    return "\n\n".join(parts) + "\n"


def _table(comparison: Comparison) -> Iterable[str]:
    yield f"| | endpoint | outcome | before | now | change, B/request | {comparison.confidence:.0%} limits |"
    yield "|---|---|---|---:|---:|---:|---:|"
    ordered = worst_first(comparison)
    yield from map(_row, ordered[:MOST_ROWS])
    if ordered[MOST_ROWS:]:
        yield f"\n… and {len(ordered) - MOST_ROWS:,} more endpoints."


def _row(endpoint: EndpointComparison) -> str:
    told = outcome_text(endpoint)
    cells = (
        _SIGNS[told],
        cell(endpoint.name),
        told,
        figure_text(endpoint.baseline),
        figure_text(endpoint.candidate),
        difference_text(endpoint),
        limits_text(endpoint),
    )
    return f"| {' | '.join(cells)} |"


def _remarks(comparison: Comparison) -> Iterable[str]:
    said = list(remarks_of(comparison))
    yield from (f"- {prose(remark)}" for remark in said[:MOST_REMARKS])
    if said[MOST_REMARKS:]:
        yield f"- … and {len(said) - MOST_REMARKS:,} more remarks"
