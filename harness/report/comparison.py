"""A comparison for a person at a terminal: the answer, the endpoints that matter first, what can't be compared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.model.comparison import Comparison, EndpointChange, EndpointComparison, SideFigure, UnlikeField
from harness.report.printable import one_line
from harness.report.wording import is_known, number, size_of

STYLES: Final[dict[str, str]] = {
    "regression": "bold red",
    "inconclusive": "yellow",
    "not_comparable": "yellow",
    "improvement": "green",
    "same": "green",
    "new": "cyan",
    "gone": "cyan",
    "known": "magenta",
}
WORST_FIRST: Final[tuple[EndpointChange, ...]] = (
    "regression",
    "inconclusive",
    "not_comparable",
    "improvement",
    "new",
    "gone",
    "same",
)
# Endpoints named in the first line; rows that are shown of endpoints without any change; runs that are named.
MOST_NAMED: Final = 3
MOST_SAME_ROWS: Final = 20
MOST_RUNS: Final = 4


def render_comparison(comparison: Comparison) -> RenderableType:
    parts: list[RenderableType] = [Text(headline(comparison), style=STYLES[comparison.outcome])]
    if comparison.endpoints:
        parts += [Text(), *_table(comparison)]
    remarks = list(remarks_of(comparison))
    parts += [Text(), *(_bullet(remark) for remark in remarks)] if remarks else []
    return Group(*parts)


def headline(comparison: Comparison) -> str:
    """One line that answers "is it worse than before"."""
    worse = [e for e in comparison.endpoints if e.outcome == "regression" and e.known is None]
    if comparison.outcome == "regression":
        named = ", ".join(f"{one_line(e.name)} {_change(e)}" for e in worse[:MOST_NAMED])
        more = f" and {len(worse) - MOST_NAMED:,} more" if worse[MOST_NAMED:] else ""
        return f"REGRESSION: {named}{more}"
    if comparison.outcome == "not_comparable":
        refused = [field.field for field in comparison.unlike if not field.allowed]
        why = f"{', '.join(refused)} differ{'s' if len(refused) == 1 else ''}" if refused else "other memory leaks"
        return f"NOT COMPARABLE: {why}"
    if comparison.outcome == "inconclusive":
        open_ones = sum(e.outcome == "inconclusive" and e.known is None for e in comparison.endpoints)
        return f"INCONCLUSIVE: could not tell for {open_ones:,} of {len(comparison.endpoints):,} endpoints"
    if comparison.outcome == "improvement":
        better = [e for e in comparison.endpoints if e.outcome == "improvement"]
        return f"IMPROVEMENT: {', '.join(f'{one_line(e.name)} {_change(e)}' for e in better[:MOST_NAMED])}"
    bar = size_of(comparison.threshold_bytes)
    return f"SAME: no endpoint keeps {bar}/request more than before ({comparison.confidence:.0%})"


def worst_first(comparison: Comparison) -> list[EndpointComparison]:
    return sorted(
        comparison.endpoints,
        key=lambda e: (e.known is not None, WORST_FIRST.index(e.outcome), -(e.difference_bytes_per_request or 0.0)),
    )


def outcome_text(endpoint: EndpointComparison) -> str:
    return "known" if endpoint.known is not None else endpoint.outcome.replace("_", " ")


def figure_text(figure: SideFigure | None) -> str:
    """Bytes a request; empty where the side doesn't have the endpoint."""
    return "" if figure is None else number(figure.bytes_per_request)


def difference_text(endpoint: EndpointComparison) -> str:
    found = endpoint.difference_bytes_per_request
    return "" if found is None else signed(found)


def limits_text(endpoint: EndpointComparison) -> str:
    if endpoint.limits is None:
        return ""
    low, high = endpoint.limits
    return f"{signed(low)} … {signed(high)}" if is_known(low) and is_known(high) else "unknown"


def signed(value_bytes: float) -> str:
    """A change in bytes with its sign, nothing where it rounds to nothing."""
    shown = number(value_bytes)
    return shown if shown.startswith("-") or float(shown.replace(",", "")) == 0 else f"+{shown}"


def remarks_of(comparison: Comparison) -> Iterable[str]:
    """What else is to be known, the refusal first."""
    for field in comparison.unlike:
        if not field.allowed:
            yield f"{field.field}: {_both(field)}; --allow-unlike {field.field} compares all the same"
    for endpoint in worst_first(comparison):
        if endpoint.was is not None:
            yield f"{endpoint.name} was {endpoint.was}"
        if endpoint.known is not None:
            yield f"{endpoint.name}: known, {endpoint.known}"
        if endpoint.note and endpoint.known is None:
            yield f"{endpoint.name}: {endpoint.note}"
        yield from _new_holders(endpoint)
    yield from comparison.notes
    yield f"baseline: {_runs(comparison.baseline)}"
    yield f"candidate: {_runs(comparison.candidate)}"


def _change(endpoint: EndpointComparison) -> str:
    found = endpoint.difference_bytes_per_request
    if found is None:
        return f"{size_of(endpoint.candidate.bytes_per_request)}/request" if endpoint.candidate else ""
    return f"{'+' if found > 0 else ''}{size_of(found)}/request"


def _both(field: UnlikeField) -> str:
    before, after = (", ".join(map(str, values)) or "not recorded" for values in (field.baseline, field.candidate))
    return f"{before} in the baseline, {after} in the candidate"


def _new_holders(endpoint: EndpointComparison) -> Iterable[str]:
    if endpoint.outcome != "regression" or endpoint.candidate is None:
        return
    before = set(endpoint.baseline.holders) if endpoint.baseline else set()
    for holder in endpoint.candidate.holders:
        yield f"{endpoint.name}: held by {holder}{'' if holder in before else ', which held nothing before'}"


def _runs(run_ids: tuple[str, ...]) -> str:
    more = f" and {len(run_ids) - MOST_RUNS:,} more" if run_ids[MOST_RUNS:] else ""
    return f"{', '.join(run_ids[:MOST_RUNS])}{more}"


def _table(comparison: Comparison) -> Iterable[RenderableType]:
    ordered = worst_first(comparison)
    findings = sum(1 for endpoint in ordered if endpoint.outcome != "same")
    shown = findings + MOST_SAME_ROWS
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("endpoint", overflow="fold", min_width=20)
    table.add_column("outcome", no_wrap=True)
    for title in ("before", "now", "change", f"{comparison.confidence:.0%} limits"):
        table.add_column(title, justify="right", no_wrap=True)
    for endpoint in ordered[:shown]:
        told = outcome_text(endpoint)
        table.add_row(
            Text(one_line(endpoint.name)),
            Text(told, style=STYLES[told.replace(" ", "_")]),
            figure_text(endpoint.baseline),
            figure_text(endpoint.candidate),
            difference_text(endpoint),
            limits_text(endpoint),
        )
    yield table
    if ordered[shown:]:
        yield Text(f"… {len(ordered) - shown:,} more, all the same", style="dim")
    yield Text("bytes a request", style="dim")


def _bullet(remark: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("•", Text(one_line(remark)))
    return Padding(grid, (0, 0, 0, 2))
