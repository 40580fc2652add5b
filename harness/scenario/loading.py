"""One scenario file, from text to value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.model.scenario import Scenario
from harness.scenario.build import build_scenario
from harness.scenario.problems import START, Mistake, Problems
from harness.scenario.reading import read_draft
from harness.scenario.report import Report
from harness.scenario.source_file import read_source
from harness.scenario.yaml_source import parse_yaml

MAX_SCENARIO_BYTES = 1024 * 1024


def load_scenario(path: Path, environment: Mapping[str, str]) -> Scenario:
    """The scenario in the YAML file `path`, with variables filled in from `environment` and every path absolute.

    Raises ScenarioError with all mistakes at once. Nothing is started, rendered or executed.
    """
    problems = Problems(str(path))
    try:
        text = read_source(path, what="scenario", max_bytes=MAX_SCENARIO_BYTES)
    except Mistake as mistake:
        raise problems.failure(mistake.mark or START, mistake.what, mistake.to_do) from None
    report = Report(parse_yaml(text, environment, problems), problems)
    return build_scenario(read_draft(report), path.absolute(), environment, report)
