"""What a plan promises, against what the analysis then says of made-up runs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.analysis.decide import Settings, decide
from harness.analysis.estimate import QUANTUM_BYTES
from harness.analysis.plan import DesignKind, Layout, Noise, noise_of, noisier, smallest_margin, time_for
from harness.analysis.windows import Floats
from harness.load.schedule import Design
from harness.model.verdict import Channel
from tests.unit.analysis.recordings import Machine, blocks, clean, record
from tests.unit.analysis.simulate import REQUESTS, one_at_a_time, table_of

WINDOW_S = 0.5
SETTINGS = Settings(threshold_bytes=64.0, confidence=0.99, looks=11)
DRAWS = 60

layouts = st.builds(
    Layout,
    kind=st.sampled_from(["blocks", "level", "soak"]),
    channel=st.sampled_from(["php_heap", "anon"]),
    endpoints=st.integers(1, 30),
    requests=st.integers(20, 2000),
    window_s=st.floats(0.1, 5.0),
    gap_s=st.floats(0.0, 2.0),
    idle=st.integers(1, 4),
    smallest_share=st.floats(0.01, 1.0),
)
noises = st.builds(Noise, st.floats(0.0, 1e5), st.floats(0.0, 1e5))
times = st.floats(1.0, 1e5)


def layout(kind: DesignKind = "blocks", endpoints: int = 3, *, share: float = 1.0) -> Layout:
    return Layout(kind, "php_heap", endpoints, REQUESTS, WINDOW_S, gap_s=0.0, smallest_share=share)


def drawn(noise: Noise, windows: int, draw: np.random.Generator) -> Floats:
    """Growth of windows in a row by noise alone."""
    readings = np.diff(draw.normal(0, noise.white_bytes, windows + 1))
    walked = draw.normal(0, noise.walk_bytes_per_sqrt_s * math.sqrt(WINDOW_S), windows)
    return np.asarray(readings + walked)


@given(layouts, noises, times, st.floats(1.0, 10.0))
def test_a_longer_budget_never_sees_less(plan: Layout, noise: Noise, time_s: float, times_longer: float) -> None:
    short = smallest_margin(plan, noise, SETTINGS, time_s)
    assert smallest_margin(plan, noise, SETTINGS, time_s * times_longer) <= short * (1 + 1e-9)


@given(st.sampled_from(["blocks", "level"]), noises, times, st.integers(20, 1000), st.integers(2, 10))
def test_a_higher_rate_sees_as_much_less_as_it_is_higher(
    kind: DesignKind, noise: Noise, time_s: float, requests: int, times_higher: int
) -> None:
    slow = Layout(kind, "php_heap", 3, requests, WINDOW_S, 0.1)
    fast = Layout(kind, "php_heap", 3, requests * times_higher, WINDOW_S, 0.1)
    seen = smallest_margin(slow, noise, SETTINGS, time_s)
    assert smallest_margin(fast, noise, SETTINGS, time_s) == pytest.approx(seen / times_higher)


@given(layouts, noises, times, st.floats(1.0, 10.0))
def test_more_noise_never_sees_more(plan: Layout, noise: Noise, time_s: float, times_noisier: float) -> None:
    noisier_one = Noise(noise.white_bytes * times_noisier, noise.walk_bytes_per_sqrt_s * times_noisier)
    quiet = smallest_margin(plan, noise, SETTINGS, time_s)
    assert smallest_margin(plan, noisier_one, SETTINGS, time_s) >= quiet * (1 - 1e-9)


@given(layouts, noises, times)
def test_nothing_below_the_rounding_of_a_window_is_promised(plan: Layout, noise: Noise, time_s: float) -> None:
    assert smallest_margin(plan, noise, SETTINGS, time_s) >= QUANTUM_BYTES[plan.channel] / plan.requests


@given(layouts, noises, times)
@hypothesis_settings(deadline=None)
def test_the_budget_for_what_a_budget_sees_is_that_budget(plan: Layout, noise: Noise, time_s: float) -> None:
    margin = smallest_margin(plan, noise, SETTINGS, time_s)
    if math.isinf(margin):
        return
    needed_s = time_for(plan, noise, SETTINGS, margin * (1 + 1e-9))
    assert needed_s is not None
    assert needed_s <= time_s * (1 + 1e-4)
    assert smallest_margin(plan, noise, SETTINGS, needed_s) == pytest.approx(margin, rel=1e-3)


def test_no_time_is_enough_for_less_than_the_rounding() -> None:
    assert time_for(layout(), Noise(0.0), SETTINGS, 15.0 / REQUESTS) is None


def test_too_few_windows_see_nothing() -> None:
    plan = layout()
    assert smallest_margin(plan, Noise(0.0), SETTINGS, 1.9 * plan.round_s) == math.inf
    assert smallest_margin(plan, Noise(0.0), SETTINGS, 2.1 * plan.round_s) < math.inf


@pytest.mark.parametrize("noise", [Noise(1500.0), Noise(0.0, 3000.0), Noise(800.0, 1000.0)], ids=str)
@pytest.mark.parametrize(("endpoints", "number"), [(2, 6), (3, 12), (8, 8)])
def test_four_of_five_leaks_of_the_promised_size_are_called(endpoints: int, number: int, noise: Noise) -> None:
    plan, draw = layout(endpoints=endpoints), np.random.default_rng(endpoints * number)
    truth = np.zeros(endpoints)
    truth[1] = SETTINGS.threshold_bytes + smallest_margin(plan, noise, SETTINGS, number * plan.round_s)
    called = 0
    for _ in range(DRAWS):
        requests = one_at_a_time(endpoints, number, draw)
        growth = np.round(requests @ truth + drawn(noise, len(requests), draw))
        found = decide(table_of(requests, growth), "php_heap", SETTINGS)
        assert found is not None
        called += found[0][1].outcome == "leak"
    assert 0.6 <= called / DRAWS <= 0.99


@pytest.mark.parametrize(("kind", "number"), [("level", 8), ("soak", 48)])
def test_the_other_designs_keep_their_promise_too(kind: DesignKind, number: int) -> None:
    noise, share, draw = Noise(12_000.0 if kind == "level" else 1500.0), 0.25, np.random.default_rng(5)
    channel: Channel = "private_dirty" if kind == "level" else "php_heap"
    plan = replace(layout(kind, 2, share=share), channel=channel)
    margin = smallest_margin(plan, noise, SETTINGS, number * plan.round_s)
    called = 0
    for seed in range(DRAWS):
        requests = soaked(number, share, seed) if kind == "soak" else levelled(number, seed)
        growth = np.round(requests @ np.array([SETTINGS.threshold_bytes + margin, 0.0]))
        growth += drawn(noise, len(requests), draw)
        table = replace(table_of(requests, growth), growth={channel: growth})
        found = decide(table, channel, SETTINGS)
        assert found is not None
        called += found[0][0].outcome == "leak"
    assert 0.6 <= called / DRAWS <= 0.99


def soaked(number: int, share: float, seed: int) -> Floats:
    design = Design(seed, 2, REQUESTS, WINDOW_S)
    return np.array([design.soak(window, [share, 1 - share]).counts for window in range(number)], dtype=float)


def levelled(number: int, seed: int) -> Floats:
    design = Design(seed, 2, REQUESTS, WINDOW_S, closing=4)
    windows = [window for block in range(number) for window in design.block(block, {0: REQUESTS, 1: REQUESTS})]
    counts = [np.add(window.counts, window.closing or (0, 0)) for window in windows]
    return np.array(counts, dtype=float)


@pytest.mark.parametrize("noise", [Noise(1000.0), Noise(0.0, 2000.0), Noise(500.0, 1500.0)], ids=str)
def test_the_noise_of_a_long_calibration_is_that_of_the_machine(noise: Noise) -> None:
    growth = 3000.0 + drawn(noise, 4000, np.random.default_rng(7))
    found = noise_of(growth, WINDOW_S, 16.0)
    assert found is not None
    assert found.white_bytes == pytest.approx(noise.white_bytes, rel=0.15, abs=150)
    assert found.walk_bytes_per_sqrt_s == pytest.approx(noise.walk_bytes_per_sqrt_s, rel=0.15, abs=150)


@pytest.mark.parametrize("noise", [Noise(1000.0), Noise(0.0, 2000.0)], ids=str)
def test_ten_windows_tell_the_noise_within_half_on_average(noise: Noise) -> None:
    draw = np.random.default_rng(8)
    found = [noise_of(drawn(noise, 10, draw), WINDOW_S, 16.0) for _ in range(200)]
    variance = np.median([each.variance(WINDOW_S) for each in found if each])
    assert 0.6 <= math.sqrt(variance / noise.variance(WINDOW_S)) <= 1.4


def test_the_doublings_of_an_array_are_no_noise() -> None:
    growth = np.full(10, 128_000.0)
    growth[[2, 7]] += (16_384, 32_768)
    assert noise_of(growth, WINDOW_S, 16.0) == Noise(0.0, 0.0)


def test_a_simulated_machine_is_calibrated_by_its_recording() -> None:
    recording = record({"GET /a": clean}, blocks({"GET /a": clean}, 100), Machine(workers=1, reading=700.0, seed=3))
    heaps = [php.heap_bytes for sample in recording.samples if (php := sample.processes[0].php)]
    found = noise_of(np.diff(np.array(heaps, dtype=float)), WINDOW_S, 16.0)
    assert found is not None
    assert found.white_bytes == pytest.approx(700.0, rel=0.2)


@pytest.mark.parametrize("known", [0, 1, 3])
def test_too_few_windows_tell_no_noise(known: int) -> None:
    growth = np.full(10, np.nan)
    growth[:known] = 5.0
    assert noise_of(growth, WINDOW_S, 16.0) is None


def test_the_noisier_of_two_depends_on_the_window() -> None:
    white, walk = Noise(100.0), Noise(0.0, 100.0)
    assert noisier([white, walk], 1.0) == white
    assert noisier([white, walk], 10.0) == walk
