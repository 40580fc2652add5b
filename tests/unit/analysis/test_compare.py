"""Two sides of runs: what is a regression, what is the same, and what can't be told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.compare import Bar, Pair, compare, outcome_of
from harness.analysis.growth import Estimate, combine, difference, mean_of, steady_of
from harness.model.comparison import EndpointChange, EndpointComparison
from harness.model.verdict import EndpointVerdict, Screened
from tests.unit.nightly.kept import measured
from tests.unit.verdicts import endpoint

NAME = "GET /cart"
BAR = Bar(32.0, 0.99)
ESTIMATES = st.builds(Estimate, st.floats(-1e4, 1e4), st.floats(0.5, 1e3), st.floats(1, 100))


def answer(before: list[EndpointVerdict], after: list[EndpointVerdict], bar: Bar = BAR) -> EndpointComparison:
    return compare([Pair(NAME, tuple(before), tuple(after))], bar)[0]


def one(size: float, error: float = 5.0, **values: Any) -> list[EndpointVerdict]:
    return [measured(NAME, size, error, **values)]


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        (one(0), one(64), "regression"),
        (one(640), one(704), "regression"),
        (one(0), one(10), "same"),
        (one(0, 1), one(28, 1), "same"),
        (one(704), one(640), "improvement"),
        (one(640), one(650), "same"),
        (one(0, 40), one(64, 40), "inconclusive"),
        (one(20_000, 300), one(20_400, 300), "same"),
        (one(0), [], "gone"),
        ([], one(0), "new"),
        ([], one(640), "regression"),
        ([], one(30, 40, verdict="inconclusive"), "inconclusive"),
        (one(0), one(500, verdict="bounded"), "same"),
        (one(640), one(500, verdict="garbage"), "improvement"),
        (one(500, verdict="garbage"), one(640), "regression"),
        (one(0), one(2048, channel="anon"), "regression"),
        (one(640), one(2048, channel="anon"), "not_comparable"),
    ],
)
def test_an_endpoint_has_an_answer(
    before: list[EndpointVerdict], after: list[EndpointVerdict], outcome: EndpointChange
) -> None:
    assert answer(before, after).outcome == outcome


def test_a_growth_has_to_be_large_enough_and_sure() -> None:
    small_but_sure = answer(one(0, 0.5), one(20, 0.5))
    assert small_but_sure.p_value is not None
    assert small_but_sure.p_value < 1e-6
    assert small_but_sure.outcome == "same"
    assert answer(one(0, 0.5), one(20, 0.5), Bar(16.0)).outcome == "regression"
    assert answer(one(0, 60), one(100, 60)).outcome == "inconclusive"


def test_a_leak_that_comes_in_rare_pieces_is_seen_by_its_mean() -> None:
    rare = measured(NAME, 0.0, 1.0, bytes_per_request=100.0, ci95=(80.0, 120.0), verdict="leak")
    found = answer(one(0, 1), [rare])
    assert found.outcome == "regression"
    assert "rare large pieces" in found.note


def test_single_requests_are_believed_where_the_load_agrees() -> None:
    exact = Screened(verdict="leak", typical_bytes_per_request=640.0, requests=35, typical_error=0.0)
    assert steady_of(measured(NAME, 660.0, 20.0, screened=exact)) == Estimate(640.0, 0.5, 34.0)
    assert steady_of(measured(NAME, 900.0, 20.0, screened=exact)) == Estimate(900.0, 20.0, 30.0)


def test_a_record_from_before_the_steady_growth_was_kept_is_compared_by_its_mean() -> None:
    old = endpoint(NAME, "leak", bytes_per_request=640.0, ci95=(600.0, 680.0))
    assert steady_of(old) == mean_of(old)
    assert answer([old], [old]).outcome in ("same", "inconclusive")


def test_what_nothing_bounds_is_inconclusive() -> None:
    unknown = endpoint(NAME, "inconclusive", ci95=(-(2.0**53), 2.0**53))
    found = answer(one(0), [unknown])
    assert (found.outcome, found.difference_bytes_per_request) == ("inconclusive", None)


def test_more_runs_tell_smaller_changes() -> None:
    before, after = one(0, 30) * 8, one(64, 30) * 8
    assert answer(before[:1], after[:1]).outcome == "inconclusive"
    assert answer(before, after).outcome == "regression"


def test_runs_that_vary_more_than_they_know_are_not_overrated() -> None:
    sure = combine([Estimate(0.0, 1.0, 30.0)] * 4)
    unsure = combine([Estimate(size, 1.0, 30.0) for size in (-100.0, -30.0, 30.0, 100.0)])
    assert sure.between == 0.0
    assert unsure.between > 50**2
    assert unsure.error > 30 * sure.error
    assert unsure.freedom < 4.0


@given(st.lists(ESTIMATES, min_size=1, max_size=12))
def test_a_combination_lies_among_its_runs(estimates: list[Estimate]) -> None:
    found = combine(estimates)
    means = [estimate.mean for estimate in estimates]
    assert min(means) - 1e-6 <= found.mean <= max(means) + 1e-6
    assert 0 < found.error <= max(max(e.error for e in estimates), max(means) - min(means)) + 1e-6
    assert found.freedom >= 1.0 - 1e-9


@given(ESTIMATES, ESTIMATES)
def test_a_difference_turns_its_sign_with_its_sides(a: Estimate, b: Estimate) -> None:
    there, back = difference(a, b), difference(b, a)
    assert there.mean == -back.mean
    assert there.error == back.error >= max(a.error, b.error)
    assert there.freedom == pytest.approx(back.freedom)


def test_of_a_thousand_same_pairs_hardly_any_is_called_worse() -> None:
    rng = np.random.default_rng(7)
    called: Counter[str] = Counter()
    for _ in range(1000):
        sides = rng.normal(300.0, 40.0, size=(2, 8))
        estimated = 40.0 * np.sqrt(rng.chisquare(6, size=(2, 8)) / 6)
        pairs = [
            Pair(
                f"GET /{i}",
                (measured(f"GET /{i}", sides[0, i], estimated[0, i], freedom=6.0),),
                (measured(f"GET /{i}", sides[1, i], estimated[1, i], freedom=6.0),),
            )
            for i in range(8)
        ]
        called[outcome_of(compare(pairs, BAR))] += 1
    assert called["regression"] <= 12


def test_known_leaks_and_missing_endpoints_dont_decide() -> None:
    worse = answer(one(0), one(640))
    known = worse.model_copy(update={"known": "waits for the vendor"})
    assert outcome_of([worse]) == "regression"
    assert outcome_of([known, answer(one(0), []), answer(one(0), one(0))]) == "same"
