"""One document of all results there are."""

from __future__ import annotations

from tests.benchmark.attribution import real, synthetic, traces
from tests.benchmark.attribution.table import RESULTS

TITLE = "## Attribution, measured\n\n`python -m tests.benchmark.attribution` makes this table.\n"


def write_report(*, quick: bool) -> str:
    """The Markdown, also written to results/benchmark/report.md (report-quick.md)."""
    parts = [TITLE]
    if rows := synthetic.kept_rows(quick=quick):
        parts.append(synthetic.report(rows))
        found = synthetic.findings(rows)
        parts.append("Not as promised:\n\n" + "".join(f"* {line}\n" for line in found) if found else "")
    if rows := real.kept_rows(quick=quick):
        parts.append(real.report(rows))
    if rows := traces.kept_rows():
        parts.append(traces.report(rows))
    text = "\n".join(part for part in parts if part)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / ("report-quick.md" if quick else "report.md")).write_text(text)
    return text
