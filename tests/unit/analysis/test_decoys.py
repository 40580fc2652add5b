"""Growth that is no leak, or not surely one: caches, garbage, first uses, late starts; each beside its leaky twin."""

from __future__ import annotations

import pytest

from tests.unit.analysis.recordings import (
    Behaviour,
    Machine,
    blocks,
    cache,
    clean,
    counted,
    first_use,
    garbage,
    late,
    leak,
)
from tests.unit.analysis.runs import among_others, as_run, by_name, suspect, verdict


@pytest.mark.parametrize(
    "behaviour",
    [cache(150, 1280), cache(150, 1280, 150), cache(400, 1280), cache(400, 1280, 400), cache(60, 50_000, 60)],
    ids=["keys in order", "random keys", "more keys in order", "more random keys", "few and large"],
)
def test_a_cache_with_a_limit_is_never_a_leak(behaviour: Behaviour) -> None:
    app = among_others(behaviour)
    outcomes = [
        by_name(verdict(app, as_run(app, number, confirm=["suspect"], confirming=confirming)))["suspect"].verdict
        for number, confirming in ((4, 4), (8, 4), (8, 8), (8, 16))
    ]
    assert "leak" not in outcomes
    assert outcomes[-1] in ("bounded", "clean")


@pytest.mark.parametrize("limit", range(1500, 3000, 250))
def test_a_cache_that_has_just_become_full_is_not_a_leak_any_more(limit: int) -> None:
    """Two workers: full after twice the limit, within or before the last of the bigger windows."""
    app = among_others(cache(limit, 1280))
    found = by_name(verdict(app, as_run(app, confirm=["suspect"], confirming=5)))["suspect"]
    assert found.requests + 50 - 2 * limit >= 500
    assert found.verdict in ("inconclusive", "bounded")


def test_a_cache_without_a_limit_is_a_leak() -> None:
    assert suspect(cache(10**9, 1280)).verdict == "leak"
    assert suspect(cache(10**9, 1280, 10**9)).verdict == "leak"


@pytest.mark.parametrize(("collected_every", "confirmed"), [(400, False), (400, True), (150, False), (2000, True)])
def test_garbage_that_the_collector_takes_back_is_not_a_leak(collected_every: int, confirmed: bool) -> None:
    found = suspect(garbage(2000, collected_every), confirmed=confirmed)
    assert found.verdict in ("garbage", "inconclusive", "clean")


def test_a_sawtooth_over_many_small_windows_is_called_garbage() -> None:
    found = suspect(garbage(2000, 400), confirmed=False)
    assert found.verdict == "garbage"
    assert "collector" in found.note


def test_garbage_that_is_forced_out_before_each_sample_is_named() -> None:
    found = suspect(clean, Machine(freed={"suspect": 20_000}))
    assert found.verdict == "garbage"
    assert "20,000 B" in found.note


def test_growth_that_leaves_roots_for_a_collector_that_never_ran_is_not_yet_a_leak() -> None:
    assert suspect(leak(640), Machine(roots={"suspect": 2})).verdict == "inconclusive"
    assert suspect(leak(640), Machine(roots={"clean": 2})).verdict == "leak"


def test_garbage_in_a_worker_that_the_probe_does_not_reach_is_no_leak() -> None:
    found = suspect(clean, Machine(garbage={"suspect": 2000}, reached=1))
    assert found.verdict == "inconclusive"
    assert "a process that the probe doesn't reach" in found.note
    assert suspect(clean, Machine(garbage={"suspect": 2000}, reached=2)).verdict == "garbage"


def test_a_leak_in_the_workers_that_the_probe_reaches_is_one_whatever_the_others_hold() -> None:
    assert suspect(leak(640), Machine(garbage={"suspect": 2000}, reached=1)).verdict == "leak"


@pytest.mark.parametrize("after", [200, 500, 800, 1500])
def test_a_leak_that_starts_late_is_not_called_clean(after: int) -> None:
    assert suspect(late(640, after)).verdict in ("leak", "inconclusive")
    assert suspect(late(640, 10**9)).verdict == "clean"


def test_a_leak_of_every_few_hundredth_request_is_not_called_clean() -> None:
    rare = suspect(counted(lambda number: 100_000 if number % 300 == 0 else 0))
    assert rare.verdict in ("leak", "inconclusive")
    assert rare.bytes_per_request == pytest.approx(100_000 / 300, rel=0.3)


@pytest.mark.parametrize("size_bytes", [20_000, 2_000_000])
def test_first_uses_are_no_leak(size_bytes: int) -> None:
    app = among_others(first_use(size_bytes))
    assert by_name(verdict(app, as_run(app)))["suspect"].verdict == "clean"
    unwarmed = by_name(verdict(app, blocks(app, 8)))["suspect"]
    assert unwarmed.verdict in ("clean", "bounded", "inconclusive")
