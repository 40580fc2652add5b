"""What a run will take and what it can see, from a short calibration of its target or from a given noise."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from harness.analysis.decide import Settings
from harness.analysis.estimate import QUANTUM_BYTES
from harness.analysis.plan import DesignKind, Layout, Noise, noise_of, noisier, smallest_margin, time_for
from harness.analysis.windows import available_channels, window_table
from harness.conduct import (
    BLOCKS_SHARE,
    CONFIRMING_SHARE,
    LARGEST_WINDOW_REQUESTS,
    LOOKS,
    MIX_WINDOWS,
    NATIVE_BLOCKS,
    SMALLEST_WINDOW_REQUESTS,
)
from harness.errors import InputError, Interrupted, SampleError, TargetError
from harness.history import new_run
from harness.load.schedule import LOADED_PER_IDLE, Design, PlannedWindow
from harness.model.samples import Recording, Sample
from harness.model.scenario import Scenario
from harness.model.verdict import Channel
from harness.rig import Rig, open_rig
from harness.sample.recorder import Recorder
from harness.session import Session
from harness.target import RunLabels, mark_owner

CALIBRATION_WINDOWS = 10
# Stopping, settling and sampling between two windows, where nothing was measured.
ASSUMED_GAP_S = 0.1
GIVE_THE_NOISE = "give the noise with --noise, or `hyperleak run` the scenario to see what it does"


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
    return Plan(
        scenario=scenario,
        basis=basis,
        settings=settings,
        layout=layout,
        windows=layout.windows(time_s),
        margin_bytes=smallest_margin(layout, basis.noise, settings, time_s),
        stages=tuple(_stages(scenario, basis, layout)),
        wanted_leak_bytes=wanted_leak_bytes,
        wanted_budget_s=_wanted_budget_s(scenario, basis, settings, wanted_leak_bytes) if wanted_leak_bytes else None,
    )


def _wanted_budget_s(scenario: Scenario, basis: Basis, settings: Settings, leak_bytes: float) -> float | None:
    if leak_bytes <= settings.threshold_bytes:
        raise InputError(
            f"a leak of {leak_bytes:g} B/request isn't above the threshold of {settings.threshold_bytes:g} B",
            hint="it is never called one; give a --threshold below it",
        )
    return budget_for(scenario, basis, settings, leak_bytes - settings.threshold_bytes)


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
