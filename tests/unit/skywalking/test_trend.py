"""Growth out of minutes: leaky and clean twins, and what may not be taken for growth."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.skywalking.trend import FEWEST_DIFFERENCES, Level, Trend, trend_of

MIB = 1024.0**2
BASE = 200 * MIB


def levels(
    size: Callable[[int, float], float], minutes: int = 60, rate: Callable[[int], float] = lambda minute: 6000.0
) -> list[Level]:
    """`size`: bytes over the base, of the minute and of the requests until then; `rate`: requests of a minute."""
    found, requests = [], 0.0
    for minute in range(minutes):
        requests += rate(minute)
        found.append(Level(60.0 * minute, BASE + size(minute, requests), requests))
    return found


def asked(given_levels: list[Level], unit_bytes: float = 1.0) -> Trend:
    return trend_of(given_levels, threshold_bytes=64, confidence=0.99, unit_bytes=unit_bytes)


def noise(seed: int, size_bytes: float) -> Callable[[], float]:
    draw = random.Random(seed)
    return lambda: draw.gauss(0, size_bytes)


def test_a_leak_grows_and_its_clean_twin_is_flat() -> None:
    for leaked, answer in ((652.0, "grows"), (0.0, "flat")):
        over = noise(1, 100_000)
        trend = asked(levels(lambda _minute, requests, leaked=leaked, over=over: leaked * requests + over()))  # type: ignore[misc]
        assert trend.answer == answer
        assert trend.slope is not None
        assert trend.slope.low <= leaked <= trend.slope.high


def test_a_cache_that_fills_has_stopped() -> None:
    trend = asked(levels(lambda _minute, requests: 652.0 * min(requests, 100_000)))
    assert trend.answer == "stopped"


def test_growth_with_time_is_no_requests_fault_where_idle_minutes_tell() -> None:
    trend = asked(levels(lambda minute, _requests: 60_000.0 * minute, rate=lambda minute: 6000.0 * (minute % 4 > 0)))
    assert trend.answer == "flat"
    assert trend.slope is not None
    assert trend.slope.bytes_per_second == pytest.approx(1000)


def test_even_traffic_cant_tell_time_from_requests_and_says_so() -> None:
    trend = asked(levels(lambda minute, _requests: 600_000.0 * minute))
    assert trend.slope is not None
    assert trend.slope.bytes_per_second is None


def test_steps_of_a_mebibyte_hide_small_leaks() -> None:
    short = [Level(at, round(size / MIB) * MIB, requests / 10) for at, size, requests in levels(lambda m, r: 0.0)]
    trend = asked(short, MIB)
    assert trend.quantum_bytes == MIB
    assert trend.slope is not None
    assert trend.slope.high == pytest.approx(MIB / (5900 / 10 * 60), rel=0.02)


def test_a_restart_is_left_out() -> None:
    """It is no negative growth that would hide a leak."""
    trend = asked(levels(lambda minute, requests: 652.0 * requests - (BASE * 0.9 if minute >= 30 else 0)))
    assert (trend.answer, trend.restarts) == ("grows", 1)


@pytest.mark.parametrize("minutes", [0, 1, 2, FEWEST_DIFFERENCES])
def test_few_minutes_tell_nothing(minutes: int) -> None:
    trend = asked(levels(lambda _minute, requests: 652.0 * requests, minutes=minutes))
    assert (trend.answer, trend.slope) == ("unclear", None)


def test_without_requests_there_is_no_answer() -> None:
    assert asked(levels(lambda minute, _requests: 1e6 * minute, rate=lambda _minute: 0.0)).slope is None


@pytest.mark.parametrize("readings", [1, 2, 6])
def test_random_walks_are_seldom_called_growth_and_the_limits_hold(readings: int) -> None:
    """A regression of levels calls a fifth of them and more so at one percent; minutes are means of readings."""
    called, held = 0, 0
    for seed in range(200):
        walk = walk_of(60, readings, noise(seed, MIB / readings**0.5))
        trend = asked(levels(lambda minute, _requests, walk=walk: walk[minute]))  # type: ignore[misc]
        called += trend.answer == "grows"
        held += trend.slope is not None and trend.slope.low <= 0 <= trend.slope.high
    assert called <= 2
    assert held >= 192


def walk_of(minutes: int, readings: int, step: Callable[[], float]) -> list[float]:
    """Means of each minute's readings."""
    at, means = 0.0, []
    for _ in range(minutes):
        seen = []
        for _ in range(readings):
            at += step()
            seen.append(at)
        means.append(sum(seen) / readings)
    return means


@given(
    st.lists(st.tuples(st.floats(1, 1e12, allow_nan=False), st.integers(0, 10**7)), min_size=0, max_size=40),
)
def test_any_minutes_have_an_answer(minutes: list[tuple[float, int]]) -> None:
    total, found = 0.0, []
    for place, (size, requests) in enumerate(minutes):
        total += requests
        found.append(Level(60.0 * place, size, total))
    trend = asked(found)
    if trend.slope is not None:
        assert trend.slope.low <= trend.slope.bytes_per_request <= trend.slope.high
