"""Generalised least squares: what it is equal to where a closed form is known, and how often its limits hold."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.attribute import analyse
from harness.analysis.columns import Bools
from harness.analysis.decide import Settings, decide
from harness.analysis.design import design_of
from harness.analysis.estimate import estimate_design, smooth_noise, window_design
from harness.analysis.locallevel import gls_fit, level_of, likely_levels
from harness.analysis.windows import Floats, window_table
from tests.unit.analysis.recordings import Machine, blocks, clean, leak, record
from tests.unit.analysis.runs import OTHERS, RUN, among_others, as_run, by_name
from tests.unit.analysis.simulate import REQUESTS, one_at_a_time, table_of

GLS = Settings(looks=11, estimator="gls")
WALK_ALONE, READINGS_ALONE = 1e12, 1e-12
seeds = st.integers(0, 10_000)


def dense(ratio: float, lasted_s: Floats, linked: Bools) -> Floats:
    """The covariance as it is written in books."""
    shared = np.where(linked, -0.5, 0.0)
    readings = np.eye(len(lasted_s)) + np.diag(shared, 1) + np.diag(shared, -1)
    return np.asarray((readings + ratio * np.diag(lasted_s / lasted_s.mean())) / (1.0 + ratio))


@settings(deadline=None, derandomize=True, max_examples=40)
@given(seed=seeds, power=st.floats(-3, 3), gaps=st.integers(0, 5))
def test_it_is_the_textbooks_estimator_for_windows_of_any_lengths_and_gaps(seed: int, power: float, gaps: int) -> None:
    draw = np.random.default_rng(seed)
    requests = one_at_a_time(3, 5, draw)
    lasted = draw.uniform(0.05, 2.0, len(requests))
    linked = np.ones(len(lasted) - 1, dtype=bool)
    linked[draw.integers(0, len(linked), gaps)] = False
    growth = requests @ np.array([0.0, 40.0, 640.0]) + draw.normal(0, 2000, len(lasted))
    found = gls_fit(design_of(requests, lasted), growth, [level_of(10.0**power, lasted, linked)], rounding=0.0)
    columns, inverse = np.column_stack([requests, lasted]), np.linalg.inv(dense(10.0**power, lasted, linked))
    information = np.linalg.inv(columns.T @ inverse @ columns)
    slopes = information @ columns.T @ inverse @ growth
    residuals = growth - columns @ slopes
    variance = residuals @ inverse @ residuals / (len(growth) - 4)
    np.testing.assert_allclose(found.slopes, slopes, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.errors, np.sqrt(variance * np.diag(information)), rtol=1e-6)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(seed=seeds)
def test_where_memory_only_walks_it_is_ordinary_least_squares(seed: int) -> None:
    draw = np.random.default_rng(seed)
    requests, lasted = one_at_a_time(3, 6, draw), np.full(24, 0.5)
    growth = requests @ np.array([0.0, 40.0, 640.0]) + draw.normal(0, 2000, len(lasted))
    level = level_of(WALK_ALONE, lasted, np.ones(len(lasted) - 1, dtype=bool))
    columns = np.column_stack([requests, lasted])
    expected, *_ = np.linalg.lstsq(columns, growth, rcond=None)
    found = gls_fit(design_of(requests, lasted), growth, [level], rounding=0.0)
    np.testing.assert_allclose(found.slopes, expected, rtol=1e-6, atol=1e-6)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(seed=seeds, windows=st.integers(4, 200))
def test_where_only_readings_err_growth_is_the_straight_line_through_the_levels(seed: int, windows: int) -> None:
    levels = 50.0 * REQUESTS * np.arange(windows + 1) + np.random.default_rng(seed).normal(0, 2000, windows + 1)
    level = level_of(READINGS_ALONE, np.full(windows, 0.5), np.ones(windows - 1, dtype=bool))
    found = gls_fit(design_of(np.full((windows, 1), float(REQUESTS))), np.diff(levels), [level], rounding=0.0)
    line = np.polyfit(REQUESTS * np.arange(windows + 1.0), levels, 1)
    assert found.slopes[0] == pytest.approx(line[0], rel=1e-6)


def test_neighbours_share_a_reading_and_not_across_what_was_left_out() -> None:
    app = {"clean": clean, "other": clean}
    table = window_table(record(app, blocks(app, 6), Machine(reading=1500.0, restarts=frozenset({7}))))
    rows = table.select(~table.broken)
    assert np.flatnonzero(np.diff(rows.number) != 1).tolist() == [6]
    for level in smooth_noise(window_design(rows), rows, "php_heap"):
        below = level.band[1]
        assert np.flatnonzero(below == 0.0).tolist() == [6, len(rows) - 1]


def test_what_the_readings_share_is_told_from_a_walk() -> None:
    draw = np.random.default_rng(4)
    requests, lasted = one_at_a_time(3, 40, draw), np.full(160, 0.5)
    linked = np.ones(159, dtype=bool)

    def reading_share(growth: Floats) -> float:
        levels = likely_levels(design_of(requests, lasted), growth, lasted, linked, rounding=4.0)
        assert sum(level.weight for level in levels) == pytest.approx(1.0)
        # The square of a Cholesky factor's rows is the covariance: that with the neighbour is half of the readings'.
        return sum(-2.0 * level.weight * float(level.band[0, 0] * level.band[1, 0]) for level in levels)

    assert reading_share(np.diff(draw.normal(0, 2000, 161))) > 0.9
    assert reading_share(draw.normal(0, 2000, 160)) < 0.2


NoiseName = Literal["white", "walk", "mixed"]
SCALES: dict[NoiseName, tuple[float, float]] = {
    "white": (3000.0, 0.0),
    "walk": (0.0, 4000.0),
    "mixed": (2000.0, 4000.0),
}


@pytest.mark.parametrize("noise", ["white", "walk", "mixed"])
@pytest.mark.parametrize(("endpoints", "number"), [(3, 8), (8, 6), (8, 12)])
def test_limits_hold_as_often_as_they_say_and_are_narrower(noise: NoiseName, endpoints: int, number: int) -> None:
    reading, walk = SCALES[noise]
    draw, held, widths, robust_widths = np.random.default_rng(2), [], [], []
    for _ in range(250):
        requests = one_at_a_time(endpoints, number, draw)
        idle = requests.sum(axis=1) == 0
        lasted = np.where(idle, 0.25, 0.5) + 0.03
        growth = requests @ np.full(endpoints, 64.0) + walk * np.sqrt(lasted) * draw.standard_normal(len(lasted))
        growth += np.diff(reading * draw.standard_normal(len(lasted) + 1))
        rows = table_of(requests, growth, lasted)
        design = window_design(rows)
        found = estimate_design(design, growth, "php_heap", smooth_noise(design, rows, "php_heap"))
        robust = estimate_design(design, growth, "php_heap")
        held.append((found.lower(0.975) <= 64.0) & (found.upper(0.975) >= 64.0))
        widths.append(found.upper(0.975) - found.lower(0.975))
        robust_widths.append(robust.upper(0.975) - robust.lower(0.975))
    assert 0.93 <= np.mean(held) <= 0.97
    assert np.median(widths) < (0.8 if noise == "white" else 0.95) * np.median(robust_widths)


@pytest.mark.parametrize("restarts", [frozenset[int](), frozenset({9, 20})])
def test_a_leak_is_found_and_its_clean_twin_cleared(restarts: frozenset[int]) -> None:
    for behaviour, expected in ((leak(300), "leak"), (clean, "clean")):
        app = among_others(behaviour)
        recording = record(app, as_run(app, 12), Machine(reading=1500.0, restarts=restarts))
        found, robust = (by_name(analyse(recording, by)) for by in (GLS, RUN))
        ours, other = found["suspect"].ci95, robust["suspect"].ci95
        assert found["suspect"].verdict == expected
        assert {found[name].verdict for name in OTHERS} == {"clean"}
        assert ours[0] <= (300 if expected == "leak" else 0) <= ours[1]
        assert ours[1] - ours[0] < other[1] - other[0]


def test_without_noise_the_slopes_are_exact_and_the_rounding_is_the_error() -> None:
    requests = one_at_a_time(3, 6, np.random.default_rng(1))
    found = decide(table_of(requests, requests @ np.array([0.0, 40.0, 640.0])), "php_heap", GLS)
    assert found is not None
    decisions, whole = found
    assert [decision.outcome for decision in decisions] == ["clean", "clean", "leak"]
    np.testing.assert_allclose(whole.mean, [0.0, 40.0, 640.0], atol=1e-6)
    assert np.all((whole.error > 0) & (whole.error < 16.0 / REQUESTS))


def test_what_cannot_be_told_apart_has_an_infinite_error_and_too_few_windows_are_an_error() -> None:
    requests = one_at_a_time(2, 6, np.random.default_rng(1))
    twice = np.column_stack([requests, 2.0 * requests[:, 0]])
    lasted, linked = np.full(len(twice), 0.5), np.ones(len(twice) - 1, dtype=bool)
    growth = np.random.default_rng(2).normal(0, 2000, len(twice))
    found = gls_fit(design_of(twice), growth, [level_of(1.0, lasted, linked)], rounding=4.0)
    assert np.isinf(found.errors).tolist() == [True, False, True]
    few = design_of(np.eye(3) * REQUESTS)
    with pytest.raises(ValueError, match="3 windows cannot tell 3 columns apart"):
        likely_levels(few, np.zeros(3), np.full(3, 0.5), np.ones(2, dtype=bool), rounding=4.0)
    assert decide(table_of(np.eye(3) * REQUESTS, np.zeros(3)), "php_heap", GLS) is None
