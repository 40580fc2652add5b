"""Steps in a series of nights: found where there are some, and not in noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.changes import find_steps

Noise = Callable[[np.random.Generator, int], Any]
NOISES: dict[str, Noise] = {
    "normal": lambda rng, n: rng.normal(0, 50, n),
    "heavy tails": lambda rng, n: 30 * rng.standard_t(2, n),
    "rarely something": lambda rng, n: np.where(rng.random(n) < 0.05, rng.exponential(300, n), 0.0),
    "nights of two kinds": lambda rng, n: rng.normal(0, 1, n) * rng.choice([1, 200], n),
    "around a leak": lambda rng, n: rng.normal(640, 20, n),
}


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_noise_has_no_step_more_often_than_chance_allows(noise: Noise) -> None:
    """At 1% two of 200 are to be expected; more than seven come once in a thousand times."""
    rng = np.random.default_rng(11)
    found = [find_steps(noise(rng, int(rng.integers(10, 150))), smallest=1.0, seed=i) for i in range(200)]
    assert sum(map(bool, found)) <= 7


@pytest.mark.parametrize("noise_bytes", [1.0, 10.0, 30.0])
def test_a_step_of_100_bytes_is_found_within_two_nights(noise_bytes: float) -> None:
    rng = np.random.default_rng(5)
    for case in range(30):
        night = int(rng.integers(6, 54))
        series = rng.normal(0, noise_bytes, 60) + np.where(np.arange(60) >= night, 100.0, 0.0)
        (step,) = find_steps(series, smallest=32.0, seed=case)
        assert abs(step.position - night) <= 2
        assert step.p_value <= 0.01


def test_several_steps_have_the_levels_between_them() -> None:
    series = np.random.default_rng(2).normal(0, 2, 120)
    series[30:] += 100
    series[80:] -= 60
    found = find_steps(series, smallest=32.0)
    assert [step.position for step in found] == [30, 80]
    assert [round(step.after, -1) for step in found] == [100, 40]
    assert found[1].size == pytest.approx(-60, abs=5)


def test_missing_nights_dont_move_a_step() -> None:
    rng = np.random.default_rng(3)
    nights = np.sort(rng.choice(90, 60, replace=False))
    series = rng.normal(0, 10, 60) + np.where(nights >= 45, 100.0, 0.0)
    (step,) = find_steps(series, smallest=32.0)
    assert abs(step.position - int(np.searchsorted(nights, 45))) <= 2


def test_a_single_bad_night_is_no_step() -> None:
    series = np.zeros(40)
    series[20] = 5000.0
    assert find_steps(series, smallest=32.0) == []


def test_three_nights_at_the_end_are_enough_where_nothing_varies() -> None:
    series = [0.0] * 50 + [100.0] * 3
    assert [step.position for step in find_steps(series, smallest=32.0)] == [50]
    assert find_steps(series[:-1], smallest=32.0) == []


def test_nights_that_knew_little_count_for_little() -> None:
    """Six wild nights with wide limits would be a change by themselves."""
    rng = np.random.default_rng(4)
    series, errors = rng.normal(0, 5, 40), np.full(40, 5.0)
    series[20:26], errors[20:26] = 150.0, 2000.0
    assert [step.position for step in find_steps(series, smallest=32.0)] == [20, 26]
    assert find_steps(series, errors, smallest=32.0) == []


def test_a_small_change_is_not_named() -> None:
    series = [0.0] * 30 + [20.0] * 30
    assert find_steps(series, smallest=32.0) == []
    assert len(find_steps(series, smallest=16.0)) == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), max_size=40), st.floats(1.0, 1000.0))
def test_steps_are_in_order_inside_and_large_enough(series: list[float], smallest: float) -> None:
    found = find_steps(series, smallest=smallest)
    positions = [step.position for step in found]
    assert positions == sorted(set(positions))
    assert all(3 <= position <= len(series) - 3 for position in positions)
    assert all(abs(step.size) >= smallest and step.p_value <= 0.01 for step in found)
