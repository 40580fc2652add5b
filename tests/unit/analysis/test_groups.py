"""What windows of several endpoints at once say of each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.decide import Settings
from harness.analysis.groups import (
    FEWEST_WINDOWS,
    driven_alone,
    growing_pairs,
    likely_pairs,
    never_still,
    shares_of,
    unexplained,
)
from harness.analysis.windows import Floats, WindowTable
from tests.unit.analysis.simulate import table_of

SETTINGS = Settings(looks=11)
EACH = 10.0


def halves(endpoints: int, blocks: int, seed: int = 0) -> Floats:
    """(2 * blocks, endpoints) requests: in each block everyone is in one of two random halves."""
    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(blocks):
        first = np.isin(np.arange(endpoints), draw.permutation(endpoints)[: endpoints // 2])
        rows += [first * EACH, ~first * EACH]
    return np.array(rows)


def grouped(requests: Floats, growth: Floats) -> WindowTable:
    return replace(table_of(requests, growth), group=np.ones(len(requests), dtype=bool))


def all_flat(table: WindowTable) -> Sequence[bool]:
    return [True] * len(table.endpoints)


def test_windows_that_stand_still_clear_many_more_endpoints_than_there_are_windows() -> None:
    shares = shares_of(grouped(halves(500, 4), np.zeros(8)), "php_heap", SETTINGS)
    assert (shares.upper < 10).all()
    assert (shares.windows == 4).all()


@pytest.mark.parametrize("blocks", range(1, FEWEST_WINDOWS))
def test_too_few_windows_bound_nobody(blocks: int) -> None:
    shares = shares_of(grouped(halves(10, blocks), np.zeros(2 * blocks)), "php_heap", SETTINGS)
    assert np.isinf(shares.upper).all()


@settings(deadline=None, derandomize=True)
@given(
    leaking=st.integers(0, 19), bytes_each=st.integers(64, 10_000), seed=st.integers(0, 1000), blocks=st.integers(3, 9)
)
def test_who_keeps_the_threshold_is_never_cleared(leaking: int, bytes_each: int, seed: int, blocks: int) -> None:
    requests = halves(20, blocks, seed)
    table = grouped(requests, requests[:, leaking] * bytes_each)
    shares = shares_of(table, "php_heap", SETTINGS)
    assert min(shares.upper[leaking], shares.late[leaking]) >= SETTINGS.threshold_bytes
    assert leaking in never_still(table, "php_heap", SETTINGS, all_flat(table))


@pytest.mark.parametrize("seed", range(20))
def test_what_another_frees_does_not_hide_a_leak(seed: int) -> None:
    requests = halves(12, 8, seed)
    growth = 100.0 * (requests[:, 3] - requests[:, 9])
    shares = shares_of(grouped(requests, growth), "php_heap", SETTINGS)
    assert shares.upper[3] > SETTINGS.threshold_bytes


def test_a_first_use_is_forgiven_once_the_later_half_stood_still() -> None:
    requests, growth = halves(20, 8), np.zeros(16)
    growth[0] = 4000.0
    shares = shares_of(grouped(requests, growth), "php_heap", SETTINGS)
    touched = requests[0] > 0
    assert (shares.upper[touched] > SETTINGS.threshold_bytes).all()
    assert (shares.late < SETTINGS.threshold_bytes).all()


def test_false_clearings_are_as_rare_as_the_confidence_says() -> None:
    """A leak of just the threshold among noise of its own size: of 400 runs at 99% few may be cleared."""
    draw = np.random.default_rng(1)
    cleared = 0
    for seed in range(400):
        requests = halves(10, 8, seed)
        growth = requests[:, 0] * SETTINGS.threshold_bytes + draw.normal(0, 300, len(requests))
        cleared += shares_of(grouped(requests, growth), "php_heap", SETTINGS).upper[0] < SETTINGS.threshold_bytes
    assert cleared <= 4


def pair_growth(requests: Floats) -> Floats:
    return np.minimum(requests[:, 2], requests[:, 7]) * 300.0


@pytest.mark.parametrize("seed", range(5))
def test_a_pair_is_ranked_first_by_groups_and_called_by_windows_of_its_own(seed: int) -> None:
    requests = halves(10, 8, seed)
    table = grouped(requests, pair_growth(requests))
    ranked = likely_pairs(table, "php_heap", SETTINGS, all_flat(table))
    assert ranked[0] == (2, 7)
    assert unexplained(table, "php_heap", SETTINGS, all_flat(table)) > 1
    assert growing_pairs(table, "php_heap", SETTINGS, all_flat(table)) == ()
    duets = np.zeros((6, 10))
    duets[:, [2, 7]] = EACH
    both = np.vstack([requests, duets])
    assert growing_pairs(grouped(both, pair_growth(both)), "php_heap", SETTINGS, all_flat(table)) == ()
    each_alone = np.vstack([both, np.eye(10)[[2, 7]] * EACH])
    group = each_alone.astype(bool).sum(axis=1) > 1
    confirmed = replace(table_of(each_alone, pair_growth(each_alone)), group=group)
    (found,) = growing_pairs(confirmed, "php_heap", SETTINGS, all_flat(confirmed))
    assert (found.first, found.second) == (2, 7)
    assert found.bytes_per_request == pytest.approx(300)
    assert unexplained(confirmed, "php_heap", SETTINGS, all_flat(confirmed)) == 0


@pytest.mark.parametrize("kept", [0.0, 300.0])
def test_what_grows_by_time_alone_makes_no_pair_and_hides_none(kept: float) -> None:
    duets, idle = np.zeros((6, 10)), np.zeros((6, 10))
    duets[:, [2, 7]] = EACH
    requests = np.vstack([duets, np.eye(10)[[2, 7]] * EACH, idle])
    by_time = 100.0 * EACH
    together = (requests > 0)[:, [2, 7]].all(axis=1)
    growth = np.where(together, by_time + kept * EACH, by_time)
    table = replace(table_of(requests, growth), group=requests.astype(bool).sum(axis=1) > 1)
    found = growing_pairs(table, "php_heap", SETTINGS, all_flat(table))
    assert [round(pair.bytes_per_request) for pair in found] == ([300] if kept else [])


def test_windows_with_an_endpoint_known_to_leak_tell_nothing_of_the_others() -> None:
    requests = np.vstack([halves(6, 6), np.eye(6)[[0]] * 50])
    table = replace(table_of(requests, requests[:, 0] * 500.0), group=np.array([True] * 12 + [False]))
    assert driven_alone(table).tolist() == [True, *[False] * 5]
    flat = [False, *[True] * 5]
    assert unexplained(table, "php_heap", SETTINGS, flat) == 0
    assert never_still(table, "php_heap", SETTINGS, flat) == []
