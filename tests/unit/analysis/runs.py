"""Made-up apps driven as a run drives them, and the verdicts on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.analysis.attribute import analyse
from harness.analysis.decide import Settings
from harness.load.schedule import PlannedWindow
from harness.model.verdict import EndpointVerdict, Verdict
from tests.unit.analysis.recordings import App, Behaviour, Machine, blocks, clean, record, warmup

# As in a run, which looks at its data eleven times.
RUN = Settings(looks=11)
OTHERS: App = {"clean": clean, "other": clean, "big": clean}
# Touches three megabytes and gives them back.
BIG = {"big": 3_000_000}


def among_others(behaviour: Behaviour) -> App:
    return {**OTHERS, "suspect": behaviour}


def as_run(app: App, number: int = 8, *, confirm: Sequence[str] = (), confirming: int = 4) -> list[PlannedWindow]:
    """Warm-up, blocks, then bigger windows for what is to be confirmed."""
    more = blocks(app, confirming, 1250, first=number, only=confirm) if confirm else []
    return [*warmup(app), *blocks(app, number), *more]


def verdict(app: App, windows: Sequence[PlannedWindow], machine: Machine | None = None) -> Verdict:
    return analyse(record(app, windows, machine), RUN)


def by_name(found: Verdict) -> Mapping[str, EndpointVerdict]:
    return {endpoint.name: endpoint for endpoint in found.endpoints}


def suspect(behaviour: Behaviour, machine: Machine | None = None, *, confirmed: bool = True) -> EndpointVerdict:
    """The verdict on one endpoint among clean ones, all of which have to come out clean."""
    app = among_others(behaviour)
    found = by_name(verdict(app, as_run(app, confirm=["suspect"] if confirmed else ()), machine))
    assert {found[name].verdict for name in OTHERS} == {"clean"}
    return found["suspect"]
