"""What resident memory ranks and suspects; what it decides is in test_attribute."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from harness.analysis.decide import Settings
from harness.analysis.resident import (
    level_rows,
    likeliest_first,
    native_leaks,
    native_suspects,
    quiet_stretch,
    resident_channels,
)
from harness.analysis.windows import Floats, WindowTable
from harness.model.scenario import Estimator
from harness.model.verdict import Channel
from tests.unit.analysis.simulate import one_at_a_time, table_of
from tests.unit.analysis.test_groups import halves

SETTINGS = Settings(looks=11)
NO_HEAP = [False] * 10


def resident(requests: Floats, **growth: Floats) -> WindowTable:
    channels: dict[Channel, Floats] = {"php_heap": np.zeros(len(requests))}
    for name, values in growth.items():
        channels["anon" if name == "anon" else "private_dirty"] = values
    table = table_of(requests, np.zeros(len(requests)))
    return replace(table, growth=channels, group=np.ones(len(requests), dtype=bool))


def pages(growth: Floats) -> Floats:
    return np.diff(np.floor(np.cumsum(np.insert(growth, 0, 0.0)) / 4096) * 4096)


@pytest.mark.parametrize("seed", range(5))
def test_who_grows_resident_memory_in_its_groups_is_suspected_and_ranked_first(seed: int) -> None:
    requests = 3 * halves(10, 6, seed)
    table = resident(requests, anon=pages(requests[:, 4] * 2064))
    assert 4 in native_suspects(table, SETTINGS, NO_HEAP)
    assert len(native_suspects(table, SETTINGS, NO_HEAP)) <= 3
    assert likeliest_first(table)[0] == 4


def test_nobody_is_suspected_of_a_few_pages() -> None:
    requests, growth = 3 * halves(10, 6), np.zeros(12)
    growth[[0, 1, 7]] = 8192
    assert native_suspects(resident(requests, anon=growth), SETTINGS, NO_HEAP) == []


@pytest.mark.parametrize("seed", range(5))
def test_who_fills_less_than_a_page_a_window_is_suspected_by_all_of_them_together(seed: int) -> None:
    requests = 40 * halves(10, 6, seed) / 2
    table = resident(requests, private=pages(requests[:, 4] * 96))
    assert native_suspects(table, SETTINGS, NO_HEAP)[0] == 4
    assert 4 not in native_suspects(table, SETTINGS, NO_HEAP, requests[:, 4] * 96)
    burst = table.growth["private_dirty"] + 60 * 4096 * (requests[:, 4] == 0) * (np.arange(12) < 4)
    assert native_suspects(resident(requests, private=burst), SETTINGS, NO_HEAP)[0] == 4
    assert native_suspects(resident(requests, private=pages(requests[:, 4] * 8)), SETTINGS, NO_HEAP) == []


def test_the_processes_own_figures_go_before_the_kernels_late_ones() -> None:
    requests = 3 * halves(10, 6)
    late = np.zeros(12)
    late[-1] = float((requests[:, 4] * 2064).sum())
    table = resident(requests, anon=late, private=pages(requests[:, 4] * 2064))
    assert resident_channels(table) == ["anon", "private_dirty"]
    assert likeliest_first(table)[0] == 4
    assert 4 in native_suspects(table, SETTINGS, NO_HEAP)


def test_native_memory_is_always_judged_by_the_robust_fit() -> None:
    requests = one_at_a_time(2, 8, np.random.default_rng(1))
    untold = np.full(len(requests), np.nan)
    table = resident(requests, anon=pages(requests[:, 0] * 2048), private=untold)
    table = replace(table, group=np.zeros(len(requests), dtype=bool))
    robust, smooth = (
        native_leaks(table, replace(SETTINGS, estimator=estimator), NO_HEAP[:2]) for estimator in get_args(Estimator)
    )
    assert list(robust) == [0]
    assert smooth == robust


def test_a_channel_that_is_read_now_and_then_still_counts_and_a_rare_one_does_not() -> None:
    requests, now_and_then, rare = halves(10, 6), np.zeros(12), np.full(12, np.nan)
    now_and_then[[0, 5]], rare[3] = np.nan, 0.0
    assert resident_channels(resident(requests, anon=np.zeros(12), private=now_and_then)) == ["anon", "private_dirty"]
    assert resident_channels(resident(requests, anon=np.zeros(12), private=rare)) == ["anon"]


def test_windows_are_level_where_all_or_none_of_the_endpoints_had_requests() -> None:
    requests = np.array([[100.0, 4], [4, 100], [0, 0], [100, 0], [50, 50]])
    table = replace(table_of(requests, np.zeros(5)), mix=np.array([False] * 4 + [True]))
    assert level_rows(table).tolist() == [True, True, True, False, False]


def test_the_quiet_stretch_is_the_longest_without_heap_growth_or_mix() -> None:
    requests = np.array([[1.0, 0], [0, 1], [0, 1], [0, 0], [1, 0], [0, 1]])
    table = table_of(requests, np.zeros(6))
    assert np.flatnonzero(quiet_stretch(table, [True, False])).tolist() == [1, 2, 3]
    mixed = replace(table, mix=np.array([False, False, True, False, False, False]))
    assert np.flatnonzero(quiet_stretch(mixed, [False, False])).tolist() == [3, 4, 5]
