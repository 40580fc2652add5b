"""The formats that a run can be rendered in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, NamedTuple

from harness.model.verdict import Verdict
from harness.report.csv_table import render_csv
from harness.report.junit import render_junit
from harness.report.markdown import render_markdown
from harness.report.sarif import render_sarif


class Format(NamedTuple):
    """`render` is pure; its text is meant to be written in UTF-8. `suffix` ends the name of its file."""

    render: Callable[[Verdict], str]
    suffix: str


def render_json(verdict: Verdict) -> str:
    """The verdict document of `--json`."""
    return json.dumps(verdict.model_dump(mode="json"), indent=2) + "\n"


FORMATS: Final[dict[str, Format]] = {
    "json": Format(render_json, ".json"),
    "junit": Format(render_junit, ".junit.xml"),
    "sarif": Format(render_sarif, ".sarif"),
    "markdown": Format(render_markdown, ".md"),
    "csv": Format(render_csv, ".csv"),
}
