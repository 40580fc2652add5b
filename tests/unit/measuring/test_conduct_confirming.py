"""Caches that are still filling when the time is over, beside leaks: what the run may promise of each."""

from __future__ import annotations

import pytest

from harness.analysis.confirming import MAY_FILL, fewest_requests
from tests.unit.measuring.test_conduct import Conducted, app_of
from tests.unit.simulated_app import appended, cached, nothing

ASKED = 5000


def test_caches_that_share_too_short_a_budget_are_not_called_leaks() -> None:
    caches = [cached(200 * (e + 1), 1600) for e in range(5)]
    run = Conducted(app_of(*caches, *[nothing] * 5), rate=300.0, window_s=0.5, budget_s=60.0, confirm_requests=ASKED)
    assert "leak" not in run.outcomes
    assert run.outcomes[5:] == ["clean"] * 5


def test_what_could_not_be_confirmed_says_how_many_requests_were_sent() -> None:
    run = Conducted(app_of(cached(600, 10**9), nothing), rate=100.0, budget_s=20.0, confirm_requests=ASKED)
    found = run.verdict.endpoints[0]
    assert found.verdict == "inconclusive"
    assert found.note.startswith(MAY_FILL)
    assert f"of {ASKED:,} confirming requests could be sent" in found.note


def test_growth_too_large_for_a_cache_needs_no_more_requests() -> None:
    run = Conducted(app_of(appended(100_000), nothing), rate=100.0, budget_s=20.0, confirm_requests=ASKED)
    assert run.outcomes[0] == "leak"


@pytest.mark.parametrize("leaks", [1, 3])
def test_leaks_are_given_the_requests_that_they_need(leaks: int) -> None:
    keeps = [*[appended(500)] * leaks, *[nothing] * (10 - leaks)]
    run = Conducted(app_of(*keeps), rate=300.0, window_s=0.5, budget_s=60.0, confirm_requests=ASKED)
    assert run.outcomes == [*["leak"] * leaks, *["clean"] * (10 - leaks)]
    sent = run.session.samples[-1].requests
    assert all(count >= fewest_requests(ASKED) for count in sent[:leaks])


def test_where_there_is_time_for_some_alone_those_are_confirmed_and_the_others_left_open() -> None:
    run = Conducted(app_of(*[appended(500)] * 8), rate=300.0, window_s=0.5, budget_s=40.0, confirm_requests=ASKED)
    assert 0 < run.outcomes.count("leak") < 8
    assert all(e.note.startswith(MAY_FILL) for e in run.verdict.endpoints if e.verdict == "inconclusive")
