"""What a run will take, what it can see, and what speaks against it, from a calibration or from a given noise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.confirming import fewest_requests
from harness.analysis.decide import Settings
from harness.analysis.plan import DesignKind, Layout, Noise, smallest_margin, time_for
from harness.calibration import Basis
from harness.errors import InputError
from harness.load.schedule import FIRST_REQUESTS_OF_A_MEMBER, LOADED_PER_IDLE, window_requests
from harness.measuring.conduct import (
    BLOCKS_SHARE,
    CLOSING,
    CONFIRMING_SHARE,
    FIRST_USES_EACH,
    KERNEL_LATE_S,
    LEVEL_FIRST,
    LONGEST,
    MIX_WINDOWS,
    NATIVE_BLOCKS,
    NATIVE_SHARE,
)
from harness.measuring.deciding import FEWEST_GROUPED, GROUP_BLOCKS, LEVEL_BLOCKS, MOST_UNSCREENED_ALONE, PARTS
from harness.measuring.driving import IDLE_SHARE, LOOKS
from harness.model.scenario import Scenario
from harness.model.verdict import Channel

# Of many endpoints so large a part is taken to keep memory in the screening, and to need windows of its own.
SUSPECTED_SHARE = 0.1


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
    time_s = deciding_s(scenario, layout, scenario.load.budget_s)
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
    return None if time_s is None else budget_of(scenario, layout, time_s)


def layout_of(scenario: Scenario, basis: Basis) -> Layout:
    """How the conductor lays out the windows that decide."""
    count = len(scenario.endpoints)
    driven = driven_alone(scenario) if basis.channel == "php_heap" else count
    requests = window_requests(scenario.load.rate or basis.rate, scenario.load.window_s)
    window_s = requests / basis.rate
    weights = [endpoint.weight for endpoint in scenario.endpoints]
    heap = basis.channel == "php_heap"
    kind: DesignKind = "soak" if scenario.load.profile == "soak" else "blocks" if heap else "level"
    if kind == "level":
        closing_s = CLOSING * count / basis.rate
        in_time_s = scenario.load.budget_s / (LEVEL_BLOCKS * (count + 1)) - closing_s - basis.gap_s
        requests = max(LEVEL_FIRST, min(LONGEST * requests, int(in_time_s * basis.rate)))
        window_s = requests / basis.rate + closing_s
    return Layout(
        kind=kind,
        channel=basis.channel,
        endpoints=count,
        requests=requests,
        window_s=window_s,
        gap_s=basis.gap_s,
        idle=max(1, driven // LOADED_PER_IDLE),
        smallest_share=min(weights) / sum(weights),
        driven=driven,
    )


def driven_alone(scenario: Scenario) -> int:
    """How many endpoints are taken to get windows of their own; the others are cleared in groups."""
    count, screened = len(scenario.endpoints), is_screened(scenario)
    few = count <= (FEWEST_GROUPED if screened else MOST_UNSCREENED_ALONE)
    return count if few else max(1, math.ceil(SUSPECTED_SHARE * count))


def is_screened(scenario: Scenario) -> bool:
    """Whether there is a screening, where the heaps can be read."""
    return scenario.screening.enabled and scenario.sampling.heap and any(e.screen for e in scenario.endpoints)


def groups_s(scenario: Scenario, layout: Layout) -> float:
    """Seconds of the groups that clear the endpoints without windows of their own, if all stand still at once."""
    grouped = layout.endpoints - layout.driven if layout.kind == "blocks" else 0
    if not grouped:
        return 0.0
    requests = group_requests(grouped)
    window_s = layout.window_s * requests / layout.requests
    idle_s = IDLE_SHARE * min(window_s, scenario.load.window_s)
    return GROUP_BLOCKS * (PARTS * (window_s + layout.gap_s) + idle_s + layout.gap_s)


def group_requests(grouped: int) -> int:
    """Requests of the first windows of groups."""
    return FIRST_REQUESTS_OF_A_MEMBER * math.ceil(grouped / PARTS)


def deciding_s(scenario: Scenario, layout: Layout, budget_s: float) -> float:
    """Seconds of the budget for windows of single endpoints, or of a soak."""
    if layout.kind == "blocks":
        return max(0.0, BLOCKS_SHARE * budget_s - groups_s(scenario, layout))
    return budget_s


def budget_of(scenario: Scenario, layout: Layout, time_s: float) -> float:
    """The budget with so many seconds for windows of single endpoints, or of a soak."""
    return (time_s + groups_s(scenario, layout)) / BLOCKS_SHARE if layout.kind == "blocks" else time_s


def _stages(scenario: Scenario, basis: Basis, layout: Layout) -> Iterator[Stage]:
    load, count = scenario.load, layout.endpoints
    if basis.calibrated:
        yield Stage("start", basis.start_s, 0)
    screened = sum(e.screen for e in scenario.endpoints) if is_screened(scenario) and layout.kind != "level" else 0
    if screened:
        yield Stage("screening", scenario.screening.budget_s, screened * scenario.screening.requests, "one by one")
    if load.warmup_requests:
        requests = (count - screened) * load.warmup_requests + FIRST_USES_EACH * screened
        yield Stage("warm-up", requests / basis.rate + (1 + count - screened) * layout.gap_s, requests)
    if layout.kind == "blocks":
        yield from _block_stages(scenario, basis, layout)
    else:
        time_s = load.budget_s
        windows = time_s / layout.round_s if layout.kind == "soak" else layout.windows(time_s) * count
        yield Stage(layout.kind, time_s, round(windows * layout.requests), f"{windows:.0f} windows")


def _block_stages(scenario: Scenario, basis: Basis, layout: Layout) -> Iterator[Stage]:
    budget_s, a_block = scenario.load.budget_s, layout.driven * layout.requests
    blocks = max(1, math.ceil(deciding_s(scenario, layout, budget_s) / layout.round_s))
    remark = f"{layout.driven} of {layout.endpoints} endpoints, {blocks} blocks"
    yield Stage("blocks", blocks * layout.round_s, blocks * a_block, remark)
    if grouped := layout.endpoints - layout.driven:
        sent = GROUP_BLOCKS * PARTS * group_requests(grouped)
        yield Stage("groups", groups_s(scenario, layout), sent, f"{grouped} endpoints in random halves")
    confirming_s = budget_s * (CONFIRMING_SHARE - BLOCKS_SHARE)
    most = min(layout.endpoints * scenario.load.confirm_requests, int(confirming_s / layout.window_s * layout.requests))
    yield Stage("confirming", confirming_s, most, "what seems to leak")
    volume = layout.endpoints * round(fewest_requests(scenario.load.confirm_requests))
    volume_s = min(volume / basis.rate, budget_s * (NATIVE_SHARE - CONFIRMING_SHARE))
    yield Stage("volume", volume_s, round(volume_s * basis.rate), "what keeps nothing on the heap")
    waited_s = layout.spacing_s + (0.0 if scenario.target.kind == "command" else KERNEL_LATE_S)
    windows = GROUP_BLOCKS * PARTS + NATIVE_BLOCKS + 1
    native_s = min(windows * waited_s, budget_s * (NATIVE_SHARE - BLOCKS_SHARE))
    sent = round(native_s / waited_s * layout.requests)
    yield Stage("native", native_s, sent, "the same")
    if layout.endpoints > 1:
        yield Stage("mix", MIX_WINDOWS * layout.spacing_s, MIX_WINDOWS * layout.requests)
