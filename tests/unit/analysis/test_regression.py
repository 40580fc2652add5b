"""The robust fit: what must not change it doesn't, what it cannot know it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.regression import Fit, robust_fit
from harness.analysis.student import t_quantile, t_tail
from harness.analysis.windows import Floats
from tests.unit.analysis.simulate import REQUESTS, one_at_a_time

FLOOR = 16.0
seeds = st.integers(0, 10_000)


def blocks(seed: int, endpoints: int = 3, number: int = 8, confirming: int = 0) -> tuple[Floats, np.random.Generator]:
    """A design with time as its last column, and the generator that goes on with the noise."""
    draw = np.random.default_rng(seed)
    requests = one_at_a_time(endpoints, number, draw, confirming=confirming)
    return np.column_stack([requests, np.full(len(requests), 0.5)]), draw


def subsets(seed: int, endpoints: int = 4, windows: int = 40) -> tuple[Floats, np.random.Generator]:
    """Random halves of the endpoints together, as in the recorded traces."""
    draw = np.random.default_rng(seed)
    counts = draw.integers(30, 60, (windows, endpoints)) * (draw.random((windows, endpoints)) < 0.5)
    return counts.astype(float), draw


def fit(design: Floats, growth: Floats, floor: float = FLOOR) -> Fit:
    return robust_fit(design, growth, floor=floor)


def noisy(design: Floats, slopes: Floats, draw: np.random.Generator) -> Floats:
    return np.asarray(design @ slopes + draw.normal(0, 500, len(design)))


@settings(deadline=None, derandomize=True, max_examples=30)
@given(seed=seeds, slopes=st.lists(st.floats(-1e4, 1e4), min_size=4, max_size=4), confirming=st.sampled_from([0, 3]))
def test_without_noise_the_slopes_are_exact(seed: int, slopes: list[float], confirming: int) -> None:
    design, _ = blocks(seed, confirming=confirming)
    found = fit(design, design @ np.array(slopes))
    assert found.slopes == pytest.approx(slopes, abs=1e-6)
    assert np.all(found.errors[:3] < FLOOR / REQUESTS)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(seed=seeds, factor=st.floats(1e-3, 1e6))
def test_another_unit_of_memory_gives_the_same_answer_in_that_unit(seed: int, factor: float) -> None:
    design, draw = subsets(seed)
    growth = noisy(design, np.array([0.0, 40.0, 640.0, 0.0]), draw)
    plain, scaled = fit(design, growth), fit(design, growth * factor, FLOOR * factor)
    assert scaled.slopes == pytest.approx(plain.slopes * factor, abs=1e-5 * factor)
    assert scaled.errors == pytest.approx(plain.errors * factor, rel=1e-4)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(seed=seeds, data=st.data())
def test_the_order_of_endpoints_and_windows_means_nothing(seed: int, data: st.DataObject) -> None:
    design, draw = subsets(seed)
    growth = noisy(design, np.array([0.0, 40.0, 640.0, 0.0]), draw)
    columns = data.draw(st.permutations(range(4)))
    rows = draw.permutation(len(design))
    plain, shuffled = fit(design, growth), fit(design[rows][:, columns], growth[rows])
    assert shuffled.slopes == pytest.approx(plain.slopes[columns], abs=1e-4)
    assert shuffled.errors == pytest.approx(plain.errors[columns], rel=1e-3)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(seed=seeds)
def test_a_clean_endpoint_more_changes_nothing_for_the_others(seed: int) -> None:
    design, draw = blocks(seed)
    growth = noisy(design, np.array([640.0, 0.0, 80.0, 0.0]), draw)
    more = np.zeros((8, 5))
    more[:, 3:] = REQUESTS, 0.5
    wider = np.insert(design, 3, 0.0, axis=1)
    with_clean = fit(np.vstack([wider, more]), np.concatenate([growth, draw.normal(0, 500, 8)]))
    plain = fit(design, growth)
    assert np.abs(with_clean.slopes[:3] - plain.slopes[:3]) == pytest.approx(np.zeros(3), abs=1.0)
    assert with_clean.errors[:3] == pytest.approx(plain.errors[:3], rel=0.35)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(seed=seeds, row=st.integers(0, 31), size=st.sampled_from([1e6, -1e6, 1e9, -1e9]))
def test_one_huge_outlier_moves_nothing_much(seed: int, row: int, size: float) -> None:
    design, draw = blocks(seed)
    truth = np.array([640.0, 0.0, 80.0, 0.0])
    growth = noisy(design, truth, draw)
    growth[row] += size
    assert fit(design, growth).slopes[:3] == pytest.approx(truth[:3], abs=12.0)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(seed=seeds, size=st.floats(1e3, 1e9))
def test_the_size_of_an_outlier_means_nothing_once_it_is_one(seed: int, size: float) -> None:
    design, _ = blocks(seed)
    growth = design @ np.array([640.0, 0.0, 80.0, 0.0])
    growth[5] += size
    assert fit(design, growth).slopes[:3] == pytest.approx([640.0, 0.0, 80.0], abs=0.2)


def test_what_cannot_be_told_apart_has_an_infinite_error_and_harms_no_other() -> None:
    design, draw = subsets(1)
    twice = np.column_stack([design, 2.0 * design[:, 0]])
    growth = noisy(twice, np.array([0.0, 40.0, 640.0, 0.0, 100.0]), draw)
    found = fit(twice, growth)
    assert np.isinf(found.errors).tolist() == [True, False, False, False, True]
    assert found.slopes[[0, 4]].tolist() == [0.0, 0.0]
    assert np.isinf(found.lower(0.99)[0])
    assert np.isinf(found.upper(0.99)[0])


def test_an_endpoint_without_requests_has_an_infinite_error() -> None:
    design, draw = blocks(3)
    design[:, 1] = 0.0
    found = fit(design, noisy(design, np.array([640.0, 0.0, 80.0, 0.0]), draw))
    assert np.isinf(found.errors).tolist() == [False, True, False, False]
    assert found.slopes[0] == pytest.approx(640.0, abs=10)


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_too_few_windows_are_an_error(rows: int) -> None:
    with pytest.raises(ValueError, match=f"{rows} windows cannot tell"):
        fit(np.eye(3)[:rows] * REQUESTS if rows < 3 else np.eye(3) * REQUESTS, np.zeros(rows))


def test_a_design_with_nothing_in_it_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot tell"):
        fit(np.zeros((5, 3)), np.zeros(5))


@settings(deadline=None, derandomize=True, max_examples=30)
@given(seed=seeds)
def test_limits_lie_around_the_slopes_and_widen_with_the_level(seed: int) -> None:
    design, draw = blocks(seed)
    found = fit(design, noisy(design, np.array([640.0, 0.0, 80.0, 0.0]), draw))
    assert np.all(found.lower(0.99) < found.lower(0.9))
    assert np.all(found.lower(0.9) < found.slopes)
    assert found.upper(0.99) - found.slopes == pytest.approx(found.slopes - found.lower(0.99))


@settings(deadline=None, derandomize=True, max_examples=30)
@given(level=st.floats(0.01, 0.9999), freedom=st.integers(1, 200))
def test_students_t_is_the_one_of_the_tables(level: float, freedom: int) -> None:
    quantile = float(t_quantile(level, freedom))
    assert quantile == pytest.approx(stats.t.ppf(level, freedom), rel=1e-6, abs=1e-9)
    assert float(t_tail(quantile, freedom)) == pytest.approx(1 - level, rel=1e-6)


def test_quiet_idle_windows_are_not_taken_to_be_as_quiet_as_their_size() -> None:
    """Noise of the readings is as large in idle windows as in loaded ones: it must not pass for growth by time."""
    blamed = 0
    for seed in range(60):
        design, draw = blocks(seed, number=12)
        blamed += bool(fit(design, draw.normal(0, 2000, len(design))).lower(0.99)[-1] > 0)
    assert blamed <= 4
