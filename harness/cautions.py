"""What will spoil a planned run or its answer, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from harness.analysis.resident import HIDDEN_BYTES_PER_PROCESS
from harness.measuring.deciding import LEVEL_BLOCKS
from harness.measuring.driving import LOOKS
from harness.model.load import Endpoint
from harness.model.scenario import Scenario
from harness.planning import Plan, budget_for, budget_of
from harness.units import format_duration

HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
# Less than this part of the asked rate is worth a word.
REACHED_SHARE = 0.9


@dataclass(frozen=True)
class Caution:
    """What will spoil the run or its answer, and what to do about it."""

    kind: str
    message: str
    hint: str


def huge_pages_of_this_machine() -> str:
    """The kernel's setting of transparent huge pages as it writes it, "" where it has none."""
    try:
        return HUGE_PAGES.read_text(encoding="ascii")
    except OSError:
        return ""


def cautions_of(plan: Plan, huge_pages: str) -> tuple[Caution, ...]:
    """All that can be known before the run; `huge_pages` is the kernel's setting, as "always [madvise] never"."""
    found = [
        *_huge_pages(plan.scenario, huge_pages),
        *_recycling(plan),
        *_short_budget(plan),
        *_coarse(plan),
        *_alike(plan.scenario.endpoints),
        *_soak(plan),
        *_hidden(plan),
        *_slow(plan),
    ]
    return tuple(found)


def _huge_pages(scenario: Scenario, huge_pages: str) -> Iterator[Caution]:
    steps = "resident memory moves in steps of 2 MiB, and a native leak shows only where it is larger"
    if "[always]" in huge_pages:
        yield Caution("huge_pages", f"transparent huge pages are on: {steps}", f"echo madvise > {HUGE_PAGES}")
    if scenario.target.environment.get("USE_ZEND_ALLOC_HUGE_PAGES", "0") not in ("", "0"):
        hint = "leave it out of target.environment for this run"
        yield Caution("huge_pages", f"the target sets USE_ZEND_ALLOC_HUGE_PAGES: {steps}", hint)


def _recycling(plan: Plan) -> Iterator[Caution]:
    limits = [value for name, value in plan.scenario.target.environment.items() if name.lower() == "max_request"]
    limit = next((int(value) for value in limits if value.isdecimal()), 0)
    requests = plan.layout.requests
    if limit and requests > limit / 2:
        said = f"max_request {limit} replaces a process in more than half of the windows of {requests} requests"
    elif plan.basis.broken_share > 0.5:
        said = f"{plan.basis.broken_share:.0%} of the calibration's windows of {requests} requests lost a process"
    else:
        return
    yield Caution("max_request", f"{said}; such windows can't be used", "raise max_request, or shorten load.window")


def _short_budget(plan: Plan) -> Iterator[Caution]:
    layout, load = plan.layout, plan.scenario.load
    needed = {"blocks": LOOKS[0], "level": LEVEL_BLOCKS, "soak": layout.endpoints + LOOKS[0]}[layout.kind]
    if plan.windows >= needed:
        return
    budget_s = budget_of(plan.scenario, layout, needed * layout.round_s)
    what = "windows" if layout.kind == "soak" else "windows of each endpoint"
    yield Caution(
        "budget",
        f"a budget of {format_duration(load.budget_s)} has {plan.windows:.1f} {what}; {needed} are needed to decide",
        f"set load.budget to {format_duration(math.ceil(budget_s))} or more, or shorten load.window",
    )


def _coarse(plan: Plan) -> Iterator[Caution]:
    threshold = plan.settings.threshold_bytes
    if plan.margin_bytes <= threshold:
        return
    enough_s = budget_for(plan.scenario, plan.basis, plan.settings, threshold)
    hint = f"set load.budget to {format_duration(math.ceil(enough_s))} or more" if enough_s else "raise the threshold"
    yield Caution("threshold", f"too noisy to clear endpoints of {threshold:g} B/request: they stay undecided", hint)


def _alike(endpoints: tuple[Endpoint, ...]) -> Iterator[Caution]:
    for one, other in combinations(endpoints, 2):
        if (one.request.method, one.request.path) == (other.request.method, other.request.path):
            same = one.request == other.request and one.values == other.values
            what = "are the same request" if same else "go to the same method and path"
            said = f"{one.name!r} and {other.name!r} {what}: what the one leaks, the other may too"
            yield Caution("alike", f"{said}, and the app's code can't be told apart by them", "leave one of them out")


def _soak(plan: Plan) -> Iterator[Caution]:
    layout = plan.layout
    if layout.kind != "soak" or layout.endpoints == 1:
        return
    rarest = min(plan.scenario.endpoints, key=lambda endpoint: endpoint.weight)
    times = math.sqrt(layout.relative_variance(1.0))
    yield Caution(
        "soak",
        f"a soak drives all endpoints together, and they are told apart by chance alone: the error of {rarest.name!r} "
        f"is {times:.0f} times that of windows of its own",
        "the profile attribution tells them apart",
    )


def _hidden(plan: Plan) -> Iterator[Caution]:
    layout = plan.layout
    needed = HIDDEN_BYTES_PER_PROCESS * plan.basis.processes / plan.settings.threshold_bytes
    if layout.kind == "level" and plan.windows * layout.requests < needed:
        said = f"without the PHP heaps, if nothing leaks, an endpoint is cleared after {needed:,.0f} requests, and gets"
        yield Caution(
            "hidden",
            f"{said} {plan.windows * layout.requests:,.0f}",
            "let the heaps be read (sampling.heap, the rights to trace), or raise the budget or the rate",
        )


def _slow(plan: Plan) -> Iterator[Caution]:
    asked, reached = plan.scenario.load.rate, plan.basis.rate
    if reached < REACHED_SHARE * asked:
        yield Caution(
            "rate",
            f"the target reached {reached:.0f} of {asked:.0f} requests/s",
            "set load.rate to what it bears, or raise load.users",
        )
