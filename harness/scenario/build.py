"""From a draft to the scenario: what needs more than one section, and every default filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from harness.model.diagnosis import DiagnosePlan
from harness.model.scenario import LoadPlan, Production, Sampling, Scenario, ScreeningPlan
from harness.scenario.problems import Mistake, quoted
from harness.scenario.reading import Draft
from harness.scenario.report import Report, suggestion
from harness.scenario.requests import RequestBuilder, endpoint_name
from harness.scenario.targets import TargetBuilder, filled
from harness.scenario.written import NAME_PATTERN, DiagnoseWritten, GeneralWritten, LoadWritten


def build_scenario(draft: Draft, source: Path, environment: Mapping[str, str], report: Report) -> Scenario:
    """The scenario; raises ScenarioError with the mistakes of reading and of building together."""
    requests = RequestBuilder(draft, source.parent, report)
    target = TargetBuilder(source.parent, environment, report).target(draft.target) if draft.target else None
    endpoints = [requests.endpoint(one, index) for index, one in enumerate(draft.endpoints) if one is not None]
    login = requests.login(draft.login) if draft.login else None
    load = _load(draft.load, report, broken=("load",) in draft.broken) if draft.load else LoadPlan()
    _check_names(draft, report)
    report.problems.raise_if_any()
    assert target is not None
    assert draft.general is not None
    assert draft.sampling is not None
    assert draft.screening is not None
    return Scenario(
        **_general(draft.general, source),
        source=source,
        target=target,
        load=load,
        sampling=Sampling.model_validate(draft.sampling.model_dump()),
        screening=ScreeningPlan.model_validate(draft.screening.model_dump()),
        endpoints=tuple(endpoints),
        login=login,
        production=Production(rate=draft.production.rate) if draft.production else None,
        diagnose=_diagnose(draft.diagnose, environment) if draft.diagnose else None,
    )


def _general(general: GeneralWritten, source: Path) -> dict[str, object]:
    return {**general.model_dump(), "name": general.name or _name_of(source)}


def _name_of(source: Path) -> str:
    """The file's stem as far as it can be the name of a folder."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", source.stem).strip("-._")[:64]
    return name if re.fullmatch(NAME_PATTERN, name) else "scenario"


def _load(load: LoadWritten, report: Report, *, broken: bool) -> LoadPlan:
    if load.window_s > load.budget_s and not broken:
        mistake = Mistake("a window is longer than the whole budget", "make the window shorter or the budget longer")
        report.add(("load", "window" if "window_s" in load.model_fields_set else "budget"), mistake)
    return LoadPlan.model_validate(load.model_dump())


def _diagnose(written: DiagnoseWritten, environment: Mapping[str, str]) -> DiagnosePlan:
    tools = tuple(dict.fromkeys(written.tools))
    pairs = filled(written.environment, environment)
    return DiagnosePlan(tools=tools, environment=pairs, requests=written.requests, limit_s=written.limit_s)


def _check_names(draft: Draft, report: Report) -> None:
    """Names are told apart by people and by `expect`, so each is there once."""
    first: dict[str, int] = {}
    for index, written in enumerate(draft.endpoints):
        if written is None or ("endpoints", index) in draft.broken:
            continue
        name = endpoint_name(written)
        if name in first:
            what = f"the name {quoted(name)} is that of endpoints[{first[name]}] already"
            report.add(("endpoints", index, "name"), Mistake(what, "give one of them another `name:`"))
        first.setdefault(name, index)
    if draft.general is not None and len(first) == len(draft.endpoints):
        for name in draft.general.expect:
            if name not in first:
                advice = suggestion(name, first, otherwise="write the name of an endpoint of this scenario")
                report.add(("expect", name), Mistake("there is no endpoint of that name", advice), key=True)
