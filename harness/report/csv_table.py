"""CSV (RFC 4180) for spreadsheets and scripts: one row an endpoint, sizes in bytes, the largest holder beside it."""

from __future__ import annotations

import csv
import io
from typing import Final

from harness.model.verdict import EndpointVerdict, Holder, Verdict
from harness.report.printable import one_line
from harness.report.wording import failures, is_known

COLUMNS: Final = (
    "run_id",
    "endpoint",
    "verdict",
    "bytes_per_request",
    "ci95_low",
    "ci95_high",
    "p_value",
    "requests",
    "channel",
    "cause",
    "holder",
    "file",
    "line",
    "holder_bytes_per_request",
    "holder_elements_per_request",
    "holders",
    "unexpected_answers",
    "note",
    "randomisation_p_value",
)
# A spreadsheet takes a cell for a formula by its first character; the wide forms are those of East Asian input.
_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")

Cell = str | int | float | None

_NOBODY: Final[tuple[Cell, ...]] = (None,) * 5


def render_csv(verdict: Verdict) -> str:
    """The table with its header, in the record's order; estimates that nothing bounds are empty."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(COLUMNS)
    for endpoint in verdict.endpoints:
        writer.writerow([_safe(cell) for cell in _cells(verdict.run_id, endpoint)])
    return text.getvalue()


def _cells(run_id: str, endpoint: EndpointVerdict) -> tuple[Cell, ...]:
    holder = endpoint.holders[0] if endpoint.holders else None
    return (
        run_id,
        endpoint.name,
        endpoint.verdict,
        _known(endpoint.bytes_per_request),
        _known(endpoint.ci95[0]),
        _known(endpoint.ci95[1]),
        endpoint.p_value,
        endpoint.requests,
        endpoint.channel,
        endpoint.cause,
        *(_NOBODY if holder is None else _held(holder)),
        len(endpoint.holders),
        failures(endpoint),
        endpoint.note,
        endpoint.randomisation_p_value,
    )


def _held(holder: Holder) -> tuple[Cell, ...]:
    return holder.path, holder.file, holder.line, holder.bytes_per_request, holder.elements_per_request


def _known(value_bytes: float) -> float | None:
    return value_bytes if is_known(value_bytes) else None


def _safe(cell: Cell) -> Cell:
    """Text in one line that no spreadsheet calculates: an apostrophe before it says that it is text."""
    if not isinstance(cell, str):
        return "" if cell is None else cell
    shown = one_line(cell)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown
