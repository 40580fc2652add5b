"""The design of the load: every endpoint gets what was planned for it, in an order that only the seed decides."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.schedule import LOADED_PER_IDLE, Design, PlannedWindow, grown

designs = st.builds(
    Design,
    seed=st.integers(0, 2**32),
    endpoints=st.integers(1, 30),
    requests=st.integers(1, 500),
    idle_s=st.floats(0.1, 5.0),
)
numbers = st.integers(0, 200)


def driven(window: PlannedWindow) -> list[int]:
    return [endpoint for endpoint, count in enumerate(window.counts) if count]


@settings(deadline=None, derandomize=True)
@given(design=designs, number=numbers, data=st.data())
def test_a_block_drives_every_active_endpoint_exactly_once_and_by_itself(
    design: Design, number: int, data: st.DataObject
) -> None:
    active = data.draw(st.dictionaries(st.integers(0, design.endpoints - 1), st.integers(1, 2000), min_size=1))
    block = design.block(number, active)
    load = [window for window in block if window.kind == "load"]
    assert Counter((e, w.counts[e]) for w in load for e in driven(w)) == Counter(active.items())
    assert all(len(driven(window)) == 1 and len(window.counts) == design.endpoints for window in load)
    assert {window.block for window in block} == {number}


@settings(deadline=None, derandomize=True)
@given(design=designs, number=numbers)
def test_every_block_has_idle_windows_by_its_size(design: Design, number: int) -> None:
    block = design.block(number, dict.fromkeys(range(design.endpoints), design.requests))
    idle = [window for window in block if window.kind == "idle"]
    assert len(idle) == max(1, design.endpoints // LOADED_PER_IDLE)
    assert all(not driven(window) and window.idle_s == design.idle_s for window in idle)


@settings(deadline=None, derandomize=True)
@given(design=designs, number=numbers)
def test_the_same_seed_draws_the_same_windows(design: Design, number: int) -> None:
    again = Design(design.seed, design.endpoints, design.requests, design.idle_s)
    active = dict.fromkeys(range(design.endpoints), design.requests)
    weights = [1.0] * design.endpoints
    assert design.block(number, active) == again.block(number, active)
    assert design.soak(number, weights) == again.soak(number, weights)
    assert list(design.warmup(5)) == list(again.warmup(5))
    everyone = list(range(design.endpoints))
    assert design.groups(number, everyone, 2, 100) == again.groups(number, everyone, 2, 100)


def test_blocks_and_seeds_have_orders_of_their_own() -> None:
    active = dict.fromkeys(range(8), 10)
    orders = {
        tuple(tuple(driven(w)) for w in Design(seed, 8, 10, 0.5).block(number, active))
        for seed in range(5)
        for number in range(5)
    }
    assert len(orders) == 25


def test_every_endpoint_comes_at_every_place_equally_often() -> None:
    """Drift and time fall on all alike: 800 blocks of 4 windows, 200 expected in each cell, 3.1 deviations allowed."""
    active = dict.fromkeys(range(3), 10)
    places = Counter(
        (place, tuple(driven(window)))
        for number in range(800)
        for place, window in enumerate(Design(3, 3, 10, 0.5).block(number, active))
    )
    assert len(places) == 16
    assert all(abs(count - 200) < 3.1 * (800 * 3 / 16) ** 0.5 for count in places.values())


@settings(deadline=None, derandomize=True)
@given(design=designs, requests=st.integers(1, 100))
def test_the_warm_up_drives_every_endpoint_once(design: Design, requests: int) -> None:
    windows = list(design.warmup(requests))
    assert sorted(driven(window) for window in windows) == [[e] for e in range(design.endpoints)]
    assert {(window.kind, sum(window.counts), window.block) for window in windows} == {("warmup", requests, 0)}


@settings(deadline=None, derandomize=True)
@given(design=designs, number=numbers, each=st.integers(1, 10), data=st.data())
def test_alone_means_a_run_of_windows_after_an_idle_one(
    design: Design, number: int, each: int, data: st.DataObject
) -> None:
    endpoint = data.draw(st.integers(0, design.endpoints - 1))
    windows = design.alone(number, endpoint, each)
    assert [window.kind for window in windows] == ["idle", *["load"] * each]
    assert {(tuple(driven(window)), window.block) for window in windows[1:]} == {((endpoint,), number)}


@settings(deadline=None, derandomize=True)
@given(design=designs, number=numbers, parts=st.integers(1, 8), requests=st.integers(1, 2000), data=st.data())
def test_a_block_of_groups_drives_every_member_once_and_alike(
    design: Design, number: int, parts: int, requests: int, data: st.DataObject
) -> None:
    members = data.draw(st.sets(st.integers(0, design.endpoints - 1), min_size=1))
    groups = [window for window in design.groups(number, sorted(members), parts, requests) if window.kind == "group"]
    assert sorted(endpoint for window in groups for endpoint in driven(window)) == sorted(members)
    assert len(groups) == min(parts, len(members))
    sizes = [len(driven(window)) for window in groups]
    assert max(sizes) - min(sizes) <= 1
    for window in groups:
        assert {window.counts[e] for e in driven(window)} == {max(1, requests // len(driven(window)))}


def test_every_two_endpoints_are_in_the_same_half_equally_often() -> None:
    """Of 2,000 blocks of 6 endpoints in halves each pair shares one in 2 of 5; 4 deviations allowed."""
    together: Counter[tuple[int, ...]] = Counter()
    for number in range(2000):
        for window in Design(5, 6, 10, 0.5).groups(number, range(6), 2, 60):
            members = driven(window)
            together.update((a, b) for a in members for b in members if a < b)
    assert len(together) == 15
    assert all(abs(count - 800) < 4 * (2000 * 0.4 * 0.6) ** 0.5 for count in together.values())


@pytest.mark.parametrize(
    ("first", "block", "most", "requests"),
    [(20, 0, 150, 20), (20, 1, 150, 40), (20, 3, 150, 150), (20, 500, 150, 150), (200, 0, 150, 150), (1, 0, 0, 1)],
)
def test_windows_double_up_to_their_full_size(first: int, block: int, most: int, requests: int) -> None:
    assert grown(first, block, most) == requests


def test_the_windows_of_a_pair_hold_just_the_two() -> None:
    windows = [window for window in Design(1, 5, 40, 0.5).pair(3, (1, 4), 6) if window.kind == "group"]
    assert [window.counts for window in windows] == [(0, 20, 0, 0, 20)] * 6


@settings(deadline=None, derandomize=True)
@given(design=designs, data=st.data())
def test_the_mix_follows_the_weights_and_leaves_nobody_out(design: Design, data: st.DataObject) -> None:
    size = design.endpoints
    weights = data.draw(st.lists(st.floats(0.01, 100), min_size=size, max_size=size))
    windows = design.mix(7, weights, 3)
    assert windows == [windows[0]] * 3
    for count, weight in zip(windows[0].counts, weights, strict=True):
        assert count >= 1
        assert abs(count - design.requests * weight / sum(weights)) <= 1.0


@settings(deadline=None, derandomize=True)
@given(design=designs, number=numbers)
def test_a_soak_window_has_all_its_requests(design: Design, number: int) -> None:
    window = design.soak(number, [1.0] * design.endpoints)
    assert (window.kind, sum(window.counts), len(window.counts)) == ("soak", design.requests, design.endpoints)


def test_a_soak_draws_by_weight_and_anew_for_each_window() -> None:
    design = Design(1, 3, 1000, 0.5)
    windows = [design.soak(number, [1.0, 2.0, 7.0]) for number in range(20)]
    totals = [sum(window.counts[e] for window in windows) / 20_000 for e in range(3)]
    assert totals == pytest.approx([0.1, 0.2, 0.7], abs=0.01)
    assert len({window.counts for window in windows}) == 20


def test_windows_are_drawn_one_by_one() -> None:
    assert len(list(islice(Design(1, 1000, 10, 0.5).warmup(1), 3))) == 3
