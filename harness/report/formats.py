"""The formats that a run can be rendered in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, NamedTuple

from harness.model.picture import Dossier
from harness.model.verdict import Verdict
from harness.report.csv_table import render_csv
from harness.report.diagnosis import markdown_opinions
from harness.report.html.page import render_html
from harness.report.junit import render_junit
from harness.report.markdown import render_markdown
from harness.report.prometheus import render_prometheus
from harness.report.sarif import render_sarif


class Format(NamedTuple):
    """`render` is pure; its text is meant to be written in UTF-8. `suffix` ends the name of its file.

    `pictured`: it shows what the run's samples tell, too, where they are there; the others take the verdict alone.
    """

    render: Callable[[Dossier], str]
    suffix: str
    pictured: bool = False


def render_json(verdict: Verdict) -> str:
    """The verdict document of `--json`."""
    return json.dumps(verdict.model_dump(mode="json"), indent=2) + "\n"


def _of_verdict(render: Callable[[Verdict], str]) -> Callable[[Dossier], str]:
    return lambda dossier: render(dossier.verdict)


def _markdown(dossier: Dossier) -> str:
    opinions = markdown_opinions(dossier.diagnosis) if dossier.diagnosis else ""
    return render_markdown(dossier.verdict) + (f"\n{opinions}" if opinions else "")


FORMATS: Final[dict[str, Format]] = {
    "html": Format(render_html, ".html", pictured=True),
    "json": Format(_of_verdict(render_json), ".json"),
    "junit": Format(_of_verdict(render_junit), ".junit.xml"),
    "sarif": Format(_of_verdict(render_sarif), ".sarif"),
    "markdown": Format(_markdown, ".md"),
    "csv": Format(_of_verdict(render_csv), ".csv"),
    "prometheus": Format(_of_verdict(render_prometheus), ".prom"),
}
