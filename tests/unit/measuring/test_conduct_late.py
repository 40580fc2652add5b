"""Leaks that a few requests don't show: they begin with volume, come and go with concurrency, or only in the mix."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from harness.model.samples import Sample
from harness.model.verdict import EndpointOutcome
from tests.unit.measuring.test_conduct import Conducted, app_of
from tests.unit.simulated_app import Keeps, nothing, pair

CLEAN: EndpointOutcome = "clean"
CONFIRM = 3000
# Between windows a simulated container is waited for, as where only its own counters can be read.
BUDGET_S = 90.0


def late(bytes_each: int, after: int) -> Keeps:
    """Keeps nothing with the first requests, and something with each after those."""
    return lambda n: bytes_each if n > after else 0


def at_times(bytes_each: int, share: float) -> Keeps:
    """By what else is in flight, which no request decides for itself."""
    draw = random.Random(1)
    return lambda _: bytes_each if draw.random() < share else 0


def run_of(*keeps: Keeps, seed: int = 0, confirm_requests: int = CONFIRM) -> Conducted:
    app, screened = app_of(*keeps), [CLEAN] * len(keeps)
    return Conducted(app, screened=screened, seed=seed, confirm_requests=confirm_requests, budget_s=BUDGET_S)


def pairs_named(run: Conducted) -> list[str]:
    return [note for note in run.verdict.notes if "together they keep" in note]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("after", [100, 300, 900])
def test_a_leak_that_begins_with_volume_is_found_and_nobody_else(after: int, seed: int) -> None:
    run = run_of(*[nothing] * 5, late(640, after), *[nothing] * 6, seed=seed)
    assert run.outcomes == [*[CLEAN] * 5, "leak", *[CLEAN] * 6]
    assert pairs_named(run) == []


@pytest.mark.parametrize("endpoints", [1, 2, 3])
def test_few_endpoints_get_volume_too(endpoints: int) -> None:
    run = run_of(late(640, 700), *[nothing] * (endpoints - 1))
    assert run.outcomes == ["leak", *[CLEAN] * (endpoints - 1)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.05, 0.3, 0.8])
def test_what_concurrency_keeps_at_times_is_one_endpoints_leak_and_no_pairs(share: float, seed: int) -> None:
    run = run_of(*[nothing] * 5, at_times(2000, share), *[nothing] * 6, seed=seed)
    assert run.outcomes == [*[CLEAN] * 5, "leak", *[CLEAN] * 6]
    assert pairs_named(run) == []


@pytest.mark.parametrize("seed", range(3))
def test_volume_concurrency_and_a_pair_are_told_apart(seed: int) -> None:
    run = run_of(late(640, 200), at_times(640, 0.7), *pair(640), *[nothing] * 8, seed=seed)
    assert run.outcomes == ["leak", "leak", *[CLEAN] * 10]
    (named,) = pairs_named(run)
    assert named.startswith("GET /2 with GET /3:")


def test_several_leaks_that_begin_late_are_found() -> None:
    run = run_of(*[late(640, 150 + 100 * n) for n in range(4)], *[nothing] * 8)
    assert run.outcomes == [*["leak"] * 4, *[CLEAN] * 8]


def test_what_begins_only_in_the_mix_is_followed_up() -> None:
    dry = run_of(*[nothing] * 8, confirm_requests=200)
    before_mix = next(before for before, sample in pairwise(dry.notes.written) if _in_mix(sample))
    run = run_of(late(640, before_mix.requests[0] + 5), *[nothing] * 7, confirm_requests=200)
    assert run.outcomes == ["leak", *[CLEAN] * 7]


def test_the_twins_of_all_of_them_are_clean_and_nothing_is_followed_up() -> None:
    run = run_of(*[nothing] * 12)
    assert run.outcomes == [CLEAN] * 12
    assert run.kinds["load"] == 0
    assert min(run.session.samples[-1].requests) >= 0.4 * CONFIRM
    assert not any("fewer than" in note for note in run.verdict.notes)


def test_who_had_too_few_requests_to_show_what_begins_late_is_said() -> None:
    run = Conducted(app_of(*[nothing] * 12), screened=[CLEAN] * 12, rate=100.0, budget_s=20.0, confirm_requests=CONFIRM)
    assert any("12 of 12 endpoints that keep nothing had fewer than 1,200 requests" in n for n in run.verdict.notes)


def _in_mix(sample: Sample) -> bool:
    return sample.window is not None and sample.window.kind == "mix"
