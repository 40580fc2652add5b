"""From estimates to verdicts: how often they are wrong, and what each of the rules is for."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.decide import Decision, Settings, _holm, decide
from harness.analysis.estimate import estimate
from harness.analysis.windows import Floats
from tests.unit.analysis.simulate import REQUESTS, NoiseName, Rates, one_at_a_time, rates, table_of

THRESHOLD = 64.0
# No leak, one exactly at the threshold, a plain one.
SLOPES = (0.0, THRESHOLD, 500.0)
noises = pytest.mark.parametrize("noise", ["window", "reading", "request", "heavy"])
designs = pytest.mark.parametrize(("blocks", "confirming"), [(8, 0), (16, 0), (4, 4)])


@lru_cache
def simulated(noise: NoiseName, blocks: int, confirming: int) -> Rates:
    return rates(noise, SLOPES, blocks=blocks, confirming=confirming, draws=150)


def judged(requests: Floats, growth: Floats, settings: Settings | None = None) -> list[Decision]:
    found = decide(table_of(requests, growth), "php_heap", settings or Settings())
    assert found is not None
    return found[0]


def own_windows(growth_per_window: list[float], requests: float = REQUESTS) -> Decision:
    """The decision on an endpoint with these windows of its own, a clean endpoint and idle windows between them."""
    rows, growth = [], []
    for grown in growth_per_window:
        rows += [[requests, 0.0], [0.0, REQUESTS], [0.0, 0.0]]
        growth += [grown, 0.0, 0.0]
    return judged(np.array(rows), np.array(growth))[0]


@noises
@designs
def test_false_alarms_are_as_rare_as_promised(noise: NoiseName, blocks: int, confirming: int) -> None:
    found = simulated(noise, blocks, confirming)
    assert found.leak[0] == 0
    assert found.leak[1] <= 0.03
    assert found.clean[1] <= 0.03
    assert found.clean[2] == 0


@noises
@designs
def test_a_plain_leak_and_a_clean_endpoint_are_told(noise: NoiseName, blocks: int, confirming: int) -> None:
    found = simulated(noise, blocks, confirming)
    assert found.leak[2] >= 0.98
    assert found.clean[0] >= 0.9


@noises
@designs
def test_limits_of_95_percent_hold_the_truth_about_so_often(noise: NoiseName, blocks: int, confirming: int) -> None:
    found = simulated(noise, blocks, confirming)
    assert found.covered.mean() >= 0.9
    assert found.covered.min() >= 0.84
    assert found.time_covered >= 0.85
    assert found.time_blamed <= 0.05


def test_verdicts_without_noise_are_certain() -> None:
    found = rates("none", (0.0, 100.0), blocks=6, draws=5)
    assert found.leak.tolist() == [0.0, 1.0]
    assert found.clean.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("p_values", "rejected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [True, False, False, True]),
        ([0.0001, 0.0002, 0.0003], [True, True, True]),
        ([0.02, 0.02, 0.02], [False, False, False]),
        ([0.05], [True]),
        ([0.0501], [False]),
        ([0.9, 0.001], [False, True]),
        ([0.03, 0.04, 0.001], [False, False, True]),
        ([0.016, 0.024, 0.05], [True, True, True]),
        ([], []),
    ],
)
def test_holm_by_table(p_values: list[float], rejected: list[bool]) -> None:
    """At 5%; the first row is the usual example of the textbooks."""
    assert _holm(np.array(p_values), 0.05).tolist() == rejected


@settings(deadline=None, derandomize=True)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=10), st.floats(0.001, 0.2))
def test_holm_lies_between_bonferroni_and_no_correction(p_values: list[float], alpha: float) -> None:
    given_values = np.array(p_values)
    rejected = _holm(given_values, alpha)
    assert not np.any((given_values <= alpha / len(p_values)) & ~rejected)
    assert not np.any(rejected & (given_values > alpha))
    assert not rejected.any() or given_values[rejected].max() <= given_values[~rejected].min(initial=1.0)


@pytest.mark.parametrize(
    ("windows", "outcome"),
    [
        ([96e3] * 8, "leak"),
        ([0.0] * 8, "clean"),
        ([4.8e3] * 8, "clean"),
        ([96e3, 97e3, 95e3, 96e3, 0, 0, 0, 0], "bounded"),
        ([96e3, 96e3, 96e3, 96e3, 96e3, 96e3, 96e3, 0], "inconclusive"),
        ([96e3, 90e3, 80e3, 70e3, 55e3, 45e3, 35e3, 25e3], "inconclusive"),
        ([96e3, 96e3, -190e3, 96e3, 96e3, -190e3, 96e3, 96e3], "garbage"),
        ([0, 0, 0, 0, 96e3, 96e3, 96e3, 96e3], "inconclusive"),
        ([96e3, 96e3, 96e3, 96e3 + 8 * 2**20, 96e3, 96e3, 96e3, 96e3], "leak"),
        ([-160, -160, -160, 3e6, -160, -160, 3e6, -160], "inconclusive"),
    ],
    ids=[
        "steady", "nothing", "below the threshold", "stopped", "stopped just now", "slowing", "collected", "late",
        "doubling of an old array", "rare and large",
    ],
)  # fmt: skip
def test_the_course_of_growth_decides(windows: list[float], outcome: str) -> None:
    assert own_windows(windows).outcome == outcome


def test_rare_large_keeps_are_not_called_clean_and_count_in_the_mean() -> None:
    found = own_windows([-160, -160, -160, 3e6, -160, -160, 3e6, -160])
    assert found.bytes_per_request == pytest.approx(6e6 / (8 * REQUESTS), rel=0.01)
    assert found.upper_limit > THRESHOLD


def test_a_doubling_adds_to_the_mean_and_takes_nothing_from_the_certainty() -> None:
    found = own_windows([96e3, 96e3, 96e3, 96e3 + 8 * 2**20, 96e3, 96e3, 96e3, 96e3])
    assert found.typical == pytest.approx(640.0, abs=0.5)
    assert found.bytes_per_request == pytest.approx(640.0 + 8 * 2**20 / (8 * REQUESTS), rel=0.01)
    assert 630.0 < found.ci95[0] < 640.0


@pytest.mark.parametrize("factor", [5, 10])
def test_confirming_windows_of_another_size_change_no_answer(factor: int) -> None:
    draw = np.random.default_rng(5)
    small, large = one_at_a_time(3, 6, draw), one_at_a_time(3, 4, draw) * factor
    requests = np.vstack([small, large])
    truth = np.array([0.0, 640.0, 100.0])
    found = judged(requests, requests @ truth + draw.normal(0, 100, len(requests)) * np.sqrt(requests.sum(axis=1)))
    assert [decision.outcome for decision in found] == ["clean", "leak", "leak"]
    assert [d.bytes_per_request for d in found] == pytest.approx(truth.tolist(), abs=12)


def test_a_higher_threshold_or_confidence_asks_for_more() -> None:
    draw = np.random.default_rng(2)
    requests = one_at_a_time(2, 8, draw)
    growth = requests @ np.array([100.0, 0.0]) + draw.normal(0, 1500, len(requests))
    assert judged(requests, growth)[0].outcome == "leak"
    assert judged(requests, growth, Settings(threshold_bytes=500.0))[0].outcome == "clean"
    assert judged(requests, growth, Settings(confidence=1 - 1e-9))[0].outcome == "inconclusive"
    assert Settings(looks=10).alpha == pytest.approx(0.001)


def test_endpoints_always_in_the_same_ratio_are_not_told_apart_and_the_others_are() -> None:
    draw = np.random.default_rng(3)
    counts: Floats = draw.integers(20, 60, (40, 2)).astype(float)
    requests = np.column_stack([counts[:, 0], 2 * counts[:, 0], counts[:, 1]])
    found = judged(requests, requests @ np.array([640.0, 0.0, 300.0]))
    assert [decision.outcome for decision in found] == ["inconclusive", "inconclusive", "leak"]
    assert "cannot be told apart" in found[0].note


def test_too_few_windows_are_no_decision() -> None:
    requests = np.eye(3) * REQUESTS
    assert decide(table_of(requests, np.zeros(3)), "php_heap", Settings()) is None


def test_no_second_half_is_inconclusive() -> None:
    requests = np.vstack([np.eye(3) * REQUESTS] * 2)
    found = judged(requests, requests @ np.array([640.0, 0.0, 0.0]))
    assert {decision.outcome for decision in found} == {"inconclusive"}


def test_growth_by_time_is_no_endpoints_fault() -> None:
    draw = np.random.default_rng(4)
    requests = one_at_a_time(3, 8, draw)
    duration_s = draw.uniform(0.4, 0.9, len(requests))
    growth = 20_000 * duration_s + requests @ np.array([0.0, 0.0, 640.0])
    found = estimate(table_of(requests, growth, duration_s), "php_heap")
    assert found.time is not None
    assert found.time.slope == pytest.approx(20_000, rel=0.01)
    assert found.mean == pytest.approx([0.0, 0.0, 640.0], abs=0.5)


@pytest.mark.parametrize("noise_bytes", [300.0, 3000.0])
def test_a_leak_of_the_detectable_size_is_found_four_times_out_of_five(noise_bytes: float) -> None:
    draw = np.random.default_rng(8)
    hits, draws = 0, 60
    for _ in range(draws):
        requests = one_at_a_time(2, 12, draw)
        noise = draw.normal(0, noise_bytes, len(requests))
        smallest = judged(requests, noise, Settings(threshold_bytes=1e-9))[0].detectable
        found = estimate(table_of(requests, requests @ np.array([smallest, 0.0]) + noise), "php_heap")
        hits += bool(found.lower(1 - 0.01 / 2)[0] > 0)
    assert hits / draws >= 0.75
