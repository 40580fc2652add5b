"""Runs of an app with more endpoints than there is time to drive each by itself: groups, suspects, pairs, times."""

from __future__ import annotations

import pytest

from harness.analysis.windows import window_table
from harness.model.verdict import EndpointOutcome
from tests.unit.measuring.test_conduct import LEAK, Conducted, app_of
from tests.unit.simulated_app import Keeps, SimulatedApp, appended, nothing, pair

CLEAN: EndpointOutcome = "clean"


def once(bytes_at_first: int, requests: int) -> Keeps:
    """A first use that the screening and the warm-up have not made yet."""
    return lambda n: bytes_at_first if n == requests else 0


def test_ten_endpoints_with_one_leak_are_decided_in_a_few_thousand_requests() -> None:
    app = app_of(*[nothing] * 9, appended(500))
    screened: list[EndpointOutcome] = [*[CLEAN] * 9, "leak"]
    run = Conducted(app, screened=screened, rate=300.0, window_s=0.5, confirm_requests=0)
    assert run.outcomes == [*[CLEAN] * 9, "leak"]
    assert all((found.decided_after_s or 99.0) < 10.0 for found in run.timed.endpoints)
    assert all((found.decided_after_requests or 9999) < 3000 for found in run.timed.endpoints)


def test_what_the_screening_saw_keep_nothing_is_cleared_in_groups_of_half() -> None:
    run = Conducted(app_of(*[nothing] * 20), screened=[CLEAN] * 20)
    assert run.outcomes == [CLEAN] * 20
    assert "load" not in run.kinds
    assert {sum(1 for count in counts if count) for counts in run.schedule[1:-4]} == {10}


@pytest.mark.parametrize("seed", range(3))
def test_a_hundred_endpoints_are_decided_in_a_minute_whatever_the_screening_missed(seed: int) -> None:
    """Two leaks were seen, and one only shows under load: it never stands still in its groups."""
    keeps: list[Keeps] = [nothing] * 100
    keeps[7], keeps[50], keeps[93] = LEAK, appended(200), appended(300)
    screened: list[EndpointOutcome] = [CLEAN] * 100
    screened[7] = screened[50] = "leak"
    run = Conducted(app_of(*keeps), screened=screened, seed=seed, rate=300.0, window_s=0.5, confirm_requests=0)
    assert [e for e, outcome in enumerate(run.outcomes) if outcome == "leak"] == [7, 50, 93]
    assert run.outcomes.count(CLEAN) == 97
    assert all((found.decided_after_s or 99.0) < 60.0 for found in run.timed.endpoints)


def test_five_hundred_endpoints_work_in_the_time_that_they_need() -> None:
    keeps: list[Keeps] = [nothing] * 500
    keeps[123] = LEAK
    screened: list[EndpointOutcome] = [CLEAN] * 500
    screened[123] = "leak"
    run = Conducted(app_of(*keeps), screened=screened, budget_s=120.0, confirm_requests=0)
    assert [e for e, outcome in enumerate(run.outcomes) if outcome != CLEAN] == [123]
    assert run.outcomes[123] == "leak"


def test_many_endpoints_that_nothing_screened_are_sorted_by_groups() -> None:
    keeps: list[Keeps] = [nothing] * 30
    keeps[11] = LEAK
    run = Conducted(app_of(*keeps), budget_s=120.0)
    assert [e for e, outcome in enumerate(run.outcomes) if outcome != CLEAN] == [11]


def test_several_leaks_among_unscreened_endpoints_split_the_groups() -> None:
    keeps: list[Keeps] = [nothing] * 24
    for place in (3, 8, 15, 21):
        keeps[place] = appended(400)
    run = Conducted(app_of(*keeps), budget_s=200.0, confirm_requests=0)
    assert [e for e, outcome in enumerate(run.outcomes) if outcome == "leak"] == [3, 8, 15, 21]
    assert run.outcomes.count(CLEAN) == 20


def test_a_first_use_under_load_takes_more_groups_and_is_forgiven() -> None:
    keeps: list[Keeps] = [nothing] * 19
    run = Conducted(app_of(*keeps, once(20_000, 16)), screened=[CLEAN] * 20)
    table = window_table(run.session.recording)
    assert (table.growth["php_heap"][table.group] > 0).sum() == 1
    assert run.outcomes == [CLEAN] * 20


def test_what_two_endpoints_keep_only_together_is_named() -> None:
    first, second = pair(640)
    keeps: list[Keeps] = [nothing] * 10
    keeps[2], keeps[6] = first, second
    run = Conducted(app_of(*keeps), screened=[CLEAN] * 10)
    assert run.verdict.outcome == "leak"
    assert any(note.startswith("GET /2 with GET /6: together they keep") for note in run.verdict.notes)
    assert "leak" not in run.outcomes


def test_native_memory_is_found_by_groups_and_then_by_itself() -> None:
    run = Conducted(app_of(*[nothing] * 10, native={4: 2064}), screened=[CLEAN] * 10, rate=300.0, window_s=0.5)
    found = run.verdict.endpoints[4]
    assert (found.verdict, found.channel, found.cause) == ("leak", "anon", "extension")
    assert found.bytes_per_request == pytest.approx(2064, rel=0.1)
    assert run.outcomes.count(CLEAN) == 9


@pytest.mark.parametrize("private", [True, False])
def test_native_memory_in_a_short_run_is_a_leak_or_undecided_and_never_clean(private: bool) -> None:
    """The processes tell of it at once, if they are asked; the container's memory takes two seconds a window."""
    app = SimulatedApp((nothing,) * 10, native={4: 2064}, private_readable=private)
    run = Conducted(app, screened=[CLEAN] * 10, rate=300.0, window_s=0.5, budget_s=20.0)
    expected: EndpointOutcome = "leak" if private else "inconclusive"
    assert run.outcomes == [*[CLEAN] * 4, expected, *[CLEAN] * 5]
    assert run.verdict.outcome == expected
    assert private or "give it a longer budget" in run.verdict.endpoints[4].note


def test_a_run_that_is_cut_short_leaves_undecided_what_it_did_not_reach() -> None:
    run = Conducted(app_of(*[nothing] * 100), screened=[CLEAN] * 100, budget_s=2.0, rate=100.0)
    assert set(run.outcomes) == {"inconclusive"}
    assert all(found.decided_after_s is None for found in run.timed.endpoints)


def test_the_many_that_keep_nothing_are_decided_before_the_few_that_do() -> None:
    keeps: list[Keeps] = [nothing] * 90 + [appended(100)] * 10
    leak: EndpointOutcome = "leak"
    screened = [*[CLEAN] * 90, *[leak] * 10]
    run = Conducted(app_of(*keeps), screened=screened, budget_s=60.0)
    assert run.outcomes == [*[CLEAN] * 90, *["leak"] * 10]
    assert max(found.decided_after_s or 99.0 for found in run.timed.endpoints[:90]) < 10.0
    assert max(found.decided_after_s or 99.0 for found in run.timed.endpoints) < 60.0


def test_a_pair_is_told_with_its_size() -> None:
    first, second = pair(640)
    run = Conducted(app_of(*[nothing] * 8, first, second), screened=[CLEAN] * 10)
    (note,) = (note for note in run.verdict.notes if "together they keep 3" in note)
    assert "GET /8 with GET /9" in note
    assert run.verdict.unattributed_bytes_per_request > 0


def test_native_memory_that_there_was_no_time_to_look_at_is_named() -> None:
    run = Conducted(app_of(*[LEAK] * 6, nothing), rate=100.0, window_s=0.5, budget_s=25.0, confirm_requests=200)
    assert any("native memory" in note and "GET /6" in note for note in run.verdict.notes)
