"""One campaign file with all of its scenarios, from text to value."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.model.campaign import Campaign, CampaignCase
from harness.model.scenario import Scenario
from harness.scenario.campaign_variants import Variant, read_variants
from harness.scenario.campaign_written import MAX_SLOTS, CampaignWritten
from harness.scenario.loading import MAX_SCENARIO_BYTES, load_scenario
from harness.scenario.nodes import to_data
from harness.scenario.paths import existing
from harness.scenario.problems import START, Mark, Mistake, Problems, ScenarioError, quoted
from harness.scenario.reading import Sections, check_root
from harness.scenario.report import Report
from harness.scenario.source_file import read_source
from harness.scenario.yaml_source import parse_yaml


def load_campaign(path: Path, environment: Mapping[str, str]) -> Campaign:
    """The campaign in the YAML file `path`, every scenario read under every variant. Starts nothing.

    Raises ScenarioError with all mistakes at once, those of the scenarios with their own places.
    """
    problems = Problems(str(path))
    try:
        text = read_source(path, what="campaign", max_bytes=MAX_SCENARIO_BYTES)
    except Mistake as mistake:
        raise problems.failure(mistake.mark or START, mistake.what, mistake.to_do) from None
    root = parse_yaml(text, environment, problems, what="campaign", start="start with `name:` and `scenarios:`")
    report = Report(root, problems)
    data = to_data(root)
    check_root(data, CampaignWritten, report)
    known = {key: value for key, value in data.items() if key in CampaignWritten.model_fields}
    written = Sections(report).read(CampaignWritten, known, ())
    variants = read_variants(data, report, environment)
    cases: tuple[CampaignCase, ...] = ()
    if written is not None and _is_sensible(written, len(variants), report):
        cases = tuple(_Cases(path.absolute().parent, environment, report).of(written, variants))
    problems.raise_if_any()
    assert written is not None
    plain = written.model_dump(exclude={"scenarios", "variants", "axes"})
    return Campaign(**plain, source=path.absolute(), cases=cases)


def _is_sensible(written: CampaignWritten, variants: int, report: Report) -> bool:
    """Whether the scenarios are worth being read, which many variants make long."""
    if len(set(written.engines)) < len(written.engines):
        report.add(("engines",), Mistake("an engine is here twice", "keep one of them: it makes one run at a time"))
    few = len(written.scenarios) * variants * written.repetitions <= MAX_SLOTS
    if not few:
        report.add(("scenarios",), Mistake(f"these are more than {MAX_SLOTS:,} runs", "repeat less, or split the file"))
    return few


class _Cases:
    def __init__(self, base: Path, environment: Mapping[str, str], report: Report) -> None:
        self._base = base
        self._environment = environment
        self._report = report

    def of(self, written: CampaignWritten, variants: list[Variant]) -> Iterator[CampaignCase]:
        """Every scenario under every variant; mistakes are reported, those of several files once each."""
        names: dict[str, int] = {}
        for index, file in enumerate(written.scenarios):
            place = ("scenarios", index)
            if (
                source := existing(self._base, file, "scenario", place, self._report, start="the campaign's folder")
            ) is None:
                continue
            cases = [case for variant in variants if (case := self._case(source, variant)) is not None]
            if cases and (name := cases[0].scenario.name) in names:
                what = f"the scenario is called {quoted(name)} like scenarios[{names[name]}]"
                self._report.add(place, Mistake(what, "give one of them another `name:`"))
                continue
            names |= {case.scenario.name: index for case in cases}
            yield from cases

    def _case(self, source: Path, variant: Variant) -> CampaignCase | None:
        try:
            read = load_scenario(source, {**self._environment, **variant.variables})
            scenario = variant.applied_to(read)
        except ScenarioError as error:
            for each in error.problems:
                self._report.problems.add(Mark(each.line, each.column), each.what, each.to_do, file=each.file)
            return None
        except Mistake as mistake:
            self._report.add(variant.place, mistake, key=True)
            return None
        digest = _digest(source, scenario, variant.changes)
        return CampaignCase(scenario=scenario, variant=variant.name, variables=dict(variant.variables), digest=digest)


def _digest(source: Path, scenario: Scenario, changes: Mapping[str, Any]) -> str:
    """Of what is written, which is the same wherever the files are; the seed is the campaign's."""
    try:
        text = source.read_bytes()
    except OSError as error:
        raise InputError(f"{source}: {error.strerror or error}") from error
    identity = json.dumps([scenario.name, changes], sort_keys=True).encode()
    return sha256(text + b"\0" + identity).hexdigest()
