"""The competitors on series whose answer is known: they have to be as good as their papers say, and no worse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmark.attribution.lbr import CRITICAL_S, linear_backward_regression, reaches_limit
from tests.benchmark.attribution.precog import SMOOTHED_READINGS, change_points, learn, precog, smoothed
from tests.benchmark.attribution.rivals import RIVALS, rival_claims
from tests.benchmark.attribution.series import Floats, RivalRecordings, Series
from tests.benchmark.attribution.trends import least_squares, mann_kendall, one_at_a_time, straight_line

READINGS = 121
STEP_S = 0.05
EACH = 15.0
LIMIT_BYTES = 512.0 * 1024**2
THRESHOLD_BYTES = 64.0
START_BYTES = 20e6


def alone(levels: Floats) -> Series:
    """One endpoint's, `EACH` requests between two readings."""
    places = np.arange(len(levels), dtype=np.float64)
    return Series(places * STEP_S, START_BYTES + levels, (places * EACH)[:, None])


def line(bytes_per_request: float, noise_bytes: float = 0.0, readings: int = READINGS, seed: int = 1) -> Series:
    levels = bytes_per_request * EACH * np.arange(readings)
    return alone(levels + np.random.default_rng(seed).normal(0, noise_bytes, readings))


LEAKS = [pytest.param(line(500.0), 500.0, id="exact"), pytest.param(line(500.0, 5000.0), 500.0, id="noisy")]
CLEAN = [pytest.param(line(0.0), id="flat"), pytest.param(line(0.0, 2000.0), id="noisy")]


@pytest.mark.parametrize(("series", "size"), LEAKS)
def test_every_competitor_finds_a_plain_leak_and_its_size(series: Series, size: float) -> None:
    found = [
        mann_kendall(series, THRESHOLD_BYTES, 0.001),
        one_at_a_time(series, THRESHOLD_BYTES),
        linear_backward_regression(series, LIMIT_BYTES),
        precog(series, line(0.0), LIMIT_BYTES),
    ]
    assert [claim.leak for claim in found] == [True] * 4
    assert [claim.bytes_per_request for claim in found] == [pytest.approx(size, rel=0.1)] * 4
    assert not any(claim.cleared for claim in found)


@pytest.mark.parametrize("series", CLEAN)
def test_no_competitor_blames_what_stands_still(series: Series) -> None:
    found = [
        mann_kendall(series, THRESHOLD_BYTES, 0.001),
        one_at_a_time(series, THRESHOLD_BYTES),
        linear_backward_regression(series, LIMIT_BYTES),
        precog(series, line(0.0), LIMIT_BYTES),
    ]
    assert not any(claim.leak for claim in found)
    assert all(claim.cleared for claim in found)


def test_a_series_too_short_to_tell_blames_nobody() -> None:
    short = line(500.0, readings=3)
    assert not mann_kendall(short, THRESHOLD_BYTES, 0.001).leak
    assert not linear_backward_regression(short, LIMIT_BYTES).leak
    assert not precog(short, short, LIMIT_BYTES).leak


def mix(slopes: list[float], noise_bytes: float, seed: int = 1) -> Series:
    draw = np.random.default_rng(seed)
    counts = draw.multinomial(150, [1 / len(slopes)] * len(slopes), size=120)
    sent = np.vstack([np.zeros(len(slopes)), np.cumsum(counts, axis=0)])
    levels = START_BYTES + sent @ np.array(slopes) + draw.normal(0, noise_bytes, len(sent))
    return Series(np.arange(len(sent), dtype=np.float64) * 0.5, levels, sent)


def test_least_squares_attributes_over_white_noise() -> None:
    leak, *clean = least_squares(mix([500.0, 0.0, 0.0], 300.0), THRESHOLD_BYTES, 0.99)
    assert leak.leak
    assert leak.bytes_per_request == pytest.approx(500.0, rel=0.1)
    assert leak.ci95 is not None
    assert leak.ci95[0] < 500.0 < leak.ci95[1]
    assert not any(claim.leak for claim in clean)


def test_least_squares_on_levels_is_fooled_by_a_random_walk() -> None:
    """Why growth has to be regressed, not levels."""
    draw = np.random.default_rng(3)
    fooled = 0
    for seed in range(40):
        still = mix([0.0, 0.0, 0.0], 0.0, seed)
        walked = Series(still.elapsed_s, START_BYTES + np.cumsum(draw.normal(0, 20_000, len(still))), still.requests)
        fooled += any(claim.leak for claim in least_squares(walked, THRESHOLD_BYTES, 0.99))
    assert fooled > 4


def test_fewer_readings_than_endpoints_blame_nobody() -> None:
    few = mix([500.0, 0.0, 0.0], 0.0).until(1.0)
    assert not any(claim.leak for claim in least_squares(few, THRESHOLD_BYTES, 0.99))


@given(st.floats(-1e4, 1e4), st.floats(0, 1e9), st.integers(3, 200))
def test_a_line_is_fitted_exactly(slope: float, start: float, readings: int) -> None:
    found, r2 = straight_line(start + slope * np.arange(readings, dtype=np.float64))
    assert found == pytest.approx(slope, abs=1e-3)
    assert r2 <= 1.0 + 1e-9


def test_a_level_without_variation_has_no_fit() -> None:
    assert straight_line(np.full(20, 7.0)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("slope_bytes", "reached"),
    [(0.0, False), (-5.0, False), (2.0 * LIMIT_BYTES / CRITICAL_S, True), (LIMIT_BYTES / CRITICAL_S / 2, False)],
)
def test_only_growth_that_reaches_the_limit_within_the_week_is_critical(slope_bytes: float, reached: bool) -> None:
    assert reaches_limit(0.0, slope_bytes, LIMIT_BYTES, 1.0) is reached


def test_lbr_sees_a_leak_that_began_in_the_later_half() -> None:
    late = np.concatenate([np.zeros(60), 500.0 * EACH * np.arange(80, dtype=np.float64)])
    found = linear_backward_regression(alone(late), LIMIT_BYTES)
    assert found.leak
    assert found.bytes_per_request == pytest.approx(500.0, rel=0.1)


def test_change_points_are_where_the_level_jumps_and_keep_their_distance() -> None:
    levels = np.concatenate([np.zeros(100), np.full(100, 1e6), np.full(100, 3e6)])
    assert change_points(levels, 50) == [0, 100, 200, 300]
    assert change_points(levels, 150) == [0, 200, 300]
    assert change_points(np.zeros(0), 5) == [0, 0]


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=300), st.integers(1, 80))
def test_change_points_rise_from_the_beginning_to_the_end(levels: list[float], apart: int) -> None:
    points = change_points(np.array(levels), apart)
    assert points[0] == 0
    assert points[-1] == len(levels)
    assert points == sorted(points)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=60))
def test_smoothing_keeps_the_length_and_stays_within_the_levels(levels: list[float]) -> None:
    found = smoothed(np.array(levels))
    assert len(found) == len(levels)
    assert min(levels) <= found.min()
    assert found.max() <= max(levels)
    assert found[-1] == pytest.approx(np.median(levels[-SMOOTHED_READINGS:]))


def test_precog_does_not_report_a_trend_like_those_of_the_past() -> None:
    rise = 500.0 * EACH * np.arange(READINGS, dtype=np.float64)
    past = np.concatenate([rise, np.zeros(READINGS)])
    assert learn(START_BYTES + past, 60, LIMIT_BYTES, STEP_S)
    assert precog(alone(rise), alone(np.zeros(READINGS)), LIMIT_BYTES).leak
    assert not precog(alone(rise / 4), alone(past), LIMIT_BYTES).leak


def test_all_competitors_answer_for_every_endpoint() -> None:
    series = (line(500.0), line(0.0))
    recorded = RivalRecordings(mix([500.0, 0.0], 300.0), series, (line(0.0), line(0.0)), LIMIT_BYTES)
    found = rival_claims(recorded, THRESHOLD_BYTES, 0.99)
    assert set(found) == set(RIVALS)
    assert [[claim.leak for claim in claims] for claims in found.values()] == [[True, False]] * 5
