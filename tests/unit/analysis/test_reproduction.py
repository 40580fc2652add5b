"""The rate at which a leak comes back, and its limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from harness.analysis.reproduction import exact_limits, reproductions
from harness.model.campaign import CampaignRun, Slot
from harness.model.verdict import EndpointOutcome
from tests.unit.verdicts import endpoint, verdict_of


def run(repetition: int, verdict: EndpointOutcome, size: float = 640.0, scenario: str = "shop") -> CampaignRun:
    slot = Slot(id=f"{scenario}{repetition}", scenario=scenario, variant="plain", repetition=repetition, seed=0)
    found = endpoint("GET /a", verdict, bytes_per_request=size)
    return CampaignRun(slot=slot, state="measured", verdict=verdict_of(found))


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_the_limits_are_clopper_and_pearsons(counts: tuple[int, int], level: float) -> None:
    hits, trials = counts
    reference = binomtest(hits, trials).proportion_ci(level, "exact")
    assert exact_limits(hits, trials, level) == pytest.approx((reference.low, reference.high), abs=1e-9)
    low, high = exact_limits(hits, trials, level)
    assert low <= hits / trials <= high


@pytest.mark.parametrize(
    ("hits", "trials", "limits"),
    [(5, 5, (0.4782, 1.0)), (0, 5, (0.0, 0.5218)), (1, 1, (0.025, 1.0)), (3, 10, (0.0667, 0.6525))],
)
def test_limits_as_tables_have_them(hits: int, trials: int, limits: tuple[float, float]) -> None:
    assert exact_limits(hits, trials) == pytest.approx(limits, abs=5e-5)


def test_an_open_answer_is_no_reproduction() -> None:
    (found,) = reproductions([run(1, "leak", 600), run(2, "inconclusive"), run(3, "leak", 660), run(4, "clean")])
    assert (found.rate, found.runs) == (0.5, 4)
    assert found.verdicts == {"leak": 2, "inconclusive": 1, "clean": 1}
    assert not found.consistent
    assert (found.least_bytes_per_request, found.median_bytes_per_request) == (600, 630)
    assert found.most_bytes_per_request == 660


def test_cases_are_kept_apart_and_runs_without_a_verdict_left_out() -> None:
    waiting = CampaignRun(slot=run(9, "leak").slot, state="waiting")
    found = reproductions([run(1, "leak"), run(1, "clean", scenario="users"), waiting])
    assert [(each.scenario, each.rate, each.runs) for each in found] == [("shop", 1.0, 1), ("users", 0.0, 1)]
    assert all(each.consistent for each in found)
    assert found[1].median_bytes_per_request is None
