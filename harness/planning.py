"""What a run will take, what it can see, and what speaks against it, from a calibration or from a given noise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from harness.analysis.decide import Settings
from harness.analysis.plan import DesignKind, Layout, Noise, smallest_margin, time_for
from harness.analysis.resident import ALONE_WINDOWS, HIDDEN_BYTES_PER_PROCESS
from harness.calibration import Basis
from harness.conduct import BLOCKS_SHARE, CONFIRMING_SHARE, LOOKS, MIX_WINDOWS, NATIVE_BLOCKS, window_requests
from harness.errors import InputError
from harness.load.schedule import LOADED_PER_IDLE
from harness.model.load import Endpoint
from harness.model.scenario import Scenario
from harness.model.verdict import Channel
from harness.units import format_duration

HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
# Less than this part of the asked rate is worth a word.
REACHED_SHARE = 0.9


@dataclass(frozen=True)
class Stage:
    """A part of the run, and the most that it takes."""

    name: str
    duration_s: float
    requests: int
    remark: str = ""


@dataclass(frozen=True)
class Plan:
    """`windows` of each endpoint decide by `margin_bytes` a request above the threshold.

    `wanted_budget_s` is the budget that sees `wanted_leak_bytes`; None where none does.
    """

    scenario: Scenario
    basis: Basis
    settings: Settings
    layout: Layout
    windows: float
    margin_bytes: float
    stages: tuple[Stage, ...]
    wanted_leak_bytes: float | None = None
    wanted_budget_s: float | None = None

    @property
    def smallest_leak_bytes(self) -> float:
        """Bytes a request from which on a leak is called one, four times out of five."""
        return self.settings.threshold_bytes + self.margin_bytes

    @property
    def duration_s(self) -> float:
        return sum(stage.duration_s for stage in self.stages)

    @property
    def requests(self) -> int:
        return sum(stage.requests for stage in self.stages)


def given_basis(scenario: Scenario, noise: Noise) -> Basis:
    """A basis from a noise that somebody knows. Raises InputError where the scenario names no rate."""
    if not scenario.load.rate:
        raise InputError(
            f"{scenario.source}: at an unlimited rate only a calibration tells how many requests a window has",
            hint="leave out --noise, or set load.rate",
        )
    resident: Channel = "private_dirty" if scenario.target.kind == "command" else "anon"
    return Basis(noise, "php_heap" if scenario.sampling.heap else resident, scenario.load.rate)


def make_plan(scenario: Scenario, basis: Basis, wanted_leak_bytes: float | None = None) -> Plan:
    """The plan of `scenario` on `basis`. Raises InputError for a wanted leak that isn't above the threshold."""
    settings = Settings(scenario.threshold_bytes, scenario.confidence, looks=len(LOOKS))
    layout = layout_of(scenario, basis)
    time_s = scenario.load.budget_s * deciding_share(scenario, layout)
    wanted_budget_s = None
    if wanted_leak_bytes is not None:
        check_wanted(scenario, wanted_leak_bytes)
        wanted_budget_s = budget_for(scenario, basis, settings, wanted_leak_bytes - settings.threshold_bytes)
    return Plan(
        scenario=scenario,
        basis=basis,
        settings=settings,
        layout=layout,
        windows=layout.windows(time_s),
        margin_bytes=smallest_margin(layout, basis.noise, settings, time_s),
        stages=tuple(_stages(scenario, basis, layout)),
        wanted_leak_bytes=wanted_leak_bytes,
        wanted_budget_s=wanted_budget_s,
    )


def check_wanted(scenario: Scenario, leak_bytes: float) -> None:
    """Raises InputError for a wanted leak that isn't above the threshold."""
    if leak_bytes <= scenario.threshold_bytes:
        raise InputError(
            f"a leak of {leak_bytes:g} B/request isn't above the threshold of {scenario.threshold_bytes:g} B",
            hint="it is never called one; give a --threshold below it",
        )


def budget_for(scenario: Scenario, basis: Basis, settings: Settings, margin_bytes: float) -> float | None:
    """Seconds of `load.budget` after which leaks of so much above the threshold are called; None where none does."""
    layout = layout_of(scenario, basis)
    time_s = time_for(layout, basis.noise, settings, margin_bytes)
    return None if time_s is None else time_s / deciding_share(scenario, layout)


def layout_of(scenario: Scenario, basis: Basis) -> Layout:
    """How the conductor lays out the windows that decide."""
    count = len(scenario.endpoints)
    requests = window_requests(scenario.load.rate or basis.rate, scenario.load.window_s)
    weights = [endpoint.weight for endpoint in scenario.endpoints]
    heap = basis.channel == "php_heap"
    kind: DesignKind = "soak" if scenario.load.profile == "soak" else "blocks" if heap else "alone"
    return Layout(
        kind=kind,
        channel=basis.channel,
        endpoints=count,
        requests=requests,
        window_s=requests / basis.rate,
        gap_s=basis.gap_s,
        idle=max(1, count // LOADED_PER_IDLE),
        smallest_share=min(weights) / sum(weights),
    )


def deciding_share(scenario: Scenario, layout: Layout) -> float:
    """The time of the deciding windows in parts of the budget. Endpoints alone get windows by their asked length."""
    if layout.kind == "alone":
        return layout.spacing_s / scenario.load.window_s
    return BLOCKS_SHARE if layout.kind == "blocks" else 1.0


def _stages(scenario: Scenario, basis: Basis, layout: Layout) -> Iterator[Stage]:
    load, count = scenario.load, layout.endpoints
    if basis.calibrated:
        yield Stage("start", basis.start_s, 0)
    if load.warmup_requests:
        each_s = load.warmup_requests / basis.rate + layout.gap_s
        yield Stage("warm-up", count * each_s, count * load.warmup_requests)
    screened = sum(endpoint.screen for endpoint in scenario.endpoints)
    if scenario.screening.enabled and screened and scenario.sampling.heap and basis.channel == "php_heap":
        yield Stage("screening", scenario.screening.budget_s, screened * scenario.screening.requests, "one by one")
    if layout.kind == "blocks":
        yield from _block_stages(scenario, layout)
    else:
        time_s = load.budget_s * deciding_share(scenario, layout)
        windows = time_s / layout.round_s if layout.kind == "soak" else layout.windows(time_s) * count
        yield Stage(layout.kind, time_s, round(windows * layout.requests), f"{windows:.0f} windows")


def _block_stages(scenario: Scenario, layout: Layout) -> Iterator[Stage]:
    budget_s, a_block = scenario.load.budget_s, layout.endpoints * layout.requests
    blocks = max(1, int(-(-budget_s * BLOCKS_SHARE // layout.round_s)))
    yield Stage("blocks", blocks * layout.round_s, blocks * a_block, f"{blocks} blocks")
    confirming_s = budget_s * (CONFIRMING_SHARE - BLOCKS_SHARE)
    most = min(layout.endpoints * scenario.load.confirm_requests, int(confirming_s / layout.window_s * layout.requests))
    yield Stage("confirming", confirming_s, most, "what seems to leak")
    native_s = min(NATIVE_BLOCKS * layout.round_s, budget_s * (1.0 - CONFIRMING_SHARE))
    yield Stage("native", native_s, round(native_s / layout.round_s * a_block), "what keeps nothing on the heap")
    if layout.endpoints > 1:
        yield Stage("mix", MIX_WINDOWS * layout.spacing_s, MIX_WINDOWS * layout.requests)


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
    needed = {"blocks": LOOKS[0], "alone": ALONE_WINDOWS, "soak": layout.endpoints + LOOKS[0]}[layout.kind]
    if plan.windows >= needed:
        return
    beside = layout.windows(100 * layout.round_s) - 100
    budget_s = (needed - beside) * layout.round_s / deciding_share(plan.scenario, layout)
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
    if layout.kind == "alone" and plan.windows * layout.requests < needed:
        said = f"without the PHP heaps an endpoint is cleared after {needed:,.0f} requests, and gets"
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
