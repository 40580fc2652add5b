"""When each endpoint's verdict was there to stay."""

from __future__ import annotations

import pytest

from harness.measuring.timing import Look, Stages, with_times
from harness.model.verdict import EndpointOutcome
from tests.unit.verdicts import endpoint, verdict_of

STAGES = Stages(screening_s=1.5, load_s=20.0, screening_requests=300, load_requests=9000)
UNDECIDED: EndpointOutcome = "inconclusive"


def looks(*outcomes: EndpointOutcome) -> list[Look]:
    return [Look(2.0 * n, 100 * n, (outcome,)) for n, outcome in enumerate(outcomes, start=1)]


@pytest.mark.parametrize(
    ("seen", "final", "after_s", "requests"),
    [
        ((UNDECIDED, "leak", "leak"), "leak", 5.5, 500),
        (("leak", "leak", "leak"), "leak", 3.5, 400),
        (("leak", UNDECIDED, "leak"), "leak", 7.5, 600),
        (("leak", "leak"), "bounded", 21.5, 9300),
        ((), "clean", 21.5, 9300),
        (("clean", UNDECIDED), UNDECIDED, None, None),
    ],
)
def test_a_verdict_counts_from_where_it_never_changed_again(
    seen: tuple[EndpointOutcome, ...], final: EndpointOutcome, after_s: float | None, requests: int | None
) -> None:
    found = with_times(verdict_of(endpoint("GET /a", final)), looks(*seen), STAGES).endpoints[0]
    assert (found.decided_after_s, found.decided_after_requests) == (after_s, requests)


def test_the_stages_stand_in_the_schedule_beside_what_was_asked_for() -> None:
    verdict = verdict_of(endpoint(), environment={"schedule": {"rate": 300.0}, "target": {"kind": "image"}})
    environment = with_times(verdict, [], STAGES).environment
    assert environment["target"] == {"kind": "image"}
    assert environment["schedule"] == {
        "rate": 300.0,
        "screening_s": 1.5,
        "load_s": 20.0,
        "requests": {"screening": 300, "load": 9000},
    }
