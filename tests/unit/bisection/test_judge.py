"""Whether two ends differ, where the line between them is, and on which side of it a commit lies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.bisection.judge import Undecided, decided, difference, finding_of, unexpected
from harness.errors import InputError
from harness.model.bisection import Difference
from harness.model.verdict import EndpointOutcome, EndpointVerdict, Screened
from tests.unit.verdicts import endpoint, verdict_of

SIZES = st.floats(0, 1e6)


def end(size: float, verdict: EndpointOutcome | None = None, name: str = "GET /a", **more: Any) -> EndpointVerdict:
    judged: EndpointOutcome = verdict or ("leak" if size > 64 else "clean")
    known = {"ci95": (size - 5, size + 5), "upper_limit_bytes_per_request": size + 8}
    return endpoint(name, judged, bytes_per_request=size, **(known | more))


def apart(good: EndpointVerdict, bad: EndpointVerdict) -> Difference:
    found = difference([good], [bad], 64.0)
    assert isinstance(found, Difference)
    return found


@pytest.mark.parametrize(
    ("good", "bad", "line"),
    [
        (end(0), end(640), 320),
        (end(-3), end(640), 320),
        (end(200), end(840), 520),
        (end(500, "bounded"), end(640), 320),
        (end(500, "garbage"), end(640), 320),
        (end(30, "inconclusive", upper_limit_bytes_per_request=200), end(2000), 1015),
    ],
)
def test_the_line_is_halfway_between_what_is_kept_in_the_end(
    good: EndpointVerdict, bad: EndpointVerdict, line: float
) -> None:
    assert apart(good, bad).threshold_bytes_per_request == line


@pytest.mark.parametrize(
    ("good", "bad"), [(end(640), end(640)), (end(0), end(0)), (end(640), end(0)), (end(640), end(660))]
)
def test_ends_that_surely_do_not_differ_are_bad_revisions(good: EndpointVerdict, bad: EndpointVerdict) -> None:
    with pytest.raises(InputError, match="don't differ"):
        difference([good], [bad], 64.0)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (end(0), end(900, "inconclusive")),
        (end(0, "inconclusive", upper_limit_bytes_per_request=5000), end(640)),
    ],
)
def test_ends_that_could_not_be_judged_are_not_told_apart(good: EndpointVerdict, bad: EndpointVerdict) -> None:
    assert isinstance(difference([good], [bad], 64.0), Undecided)


@pytest.mark.parametrize("failing", ["good", "bad"])
def test_an_endpoint_that_fails_at_an_end_is_no_difference(failing: str) -> None:
    wrong = {"500": 1000}
    good = end(0, failures=wrong if failing == "good" else {})
    bad = end(640, failures=wrong if failing == "bad" else {})
    with pytest.raises(InputError, match="1000 × 500"):
        difference([good], [bad], 64.0)


def test_of_several_endpoints_the_one_that_differs_the_most_is_taken_and_the_others_are_named() -> None:
    good = [end(0, name="GET /a"), end(0, name="GET /b"), end(900, name="GET /c")]
    bad = [end(640, name="GET /a"), end(2000, name="GET /b"), end(900, name="GET /c")]
    found = difference(good, bad, 64.0)
    assert isinstance(found, Difference)
    assert (found.endpoint, found.others) == ("GET /b", ("GET /a",))


def seen(verdict: EndpointOutcome, typical: float) -> Screened:
    return Screened(verdict=verdict, typical_bytes_per_request=typical, requests=40)


@pytest.mark.parametrize(
    ("at_good", "at_bad", "tells"),
    [
        (seen("clean", 0), seen("leak", 640), True),
        (seen("bounded", 0), seen("leak", 640), True),
        (seen("leak", 200), seen("leak", 640), True),
        (seen("leak", 640), seen("leak", 640), False),
        (seen("inconclusive", 0), seen("leak", 640), False),
        (seen("clean", 0), seen("inconclusive", 640), False),
        (seen("clean", 0), seen("clean", 0), False),
        (None, seen("leak", 640), False),
    ],
)
def test_screening_decides_where_it_told_the_ends_apart(
    at_good: Screened | None, at_bad: Screened | None, tells: bool
) -> None:
    assert apart(end(0, screened=at_good), end(640, screened=at_bad)).screening_tells is tells


@pytest.mark.parametrize("tells", [True, False])
def test_an_interim_verdict_ends_a_measurement_only_where_it_can_be_relied_on(tells: bool) -> None:
    aim = apart(end(0), end(640)).model_copy(update={"screening_tells": tells})
    loaded = verdict_of(end(640))
    screened = loaded.model_copy(update={"environment": {"schedule": {"kind": "screen"}}})
    assert (decided(screened, aim) is not None) is tells
    assert decided(loaded, aim) is not None
    assert decided(verdict_of(end(640, "inconclusive")), aim) is None
    assert decided(verdict_of(end(640, name="GET /other")), aim) is None
    assert decided(loaded, aim.model_copy(update={"channel": "anon"})) is None


@given(SIZES, SIZES)
def test_a_difference_is_significant_and_big_enough_and_the_line_lies_between(low: float, high: float) -> None:
    try:
        found = difference([end(low)], [end(high)], 64.0)
    except InputError:
        assert high <= 64 or high - low < 64 + 20
        return
    assert isinstance(found, Difference)
    assert high > 64
    assert low <= 64 or high - low >= 64
    assert low - 0.1 <= found.threshold_bytes_per_request <= high + 0.1


@pytest.mark.parametrize(
    ("verdict", "finding"),
    [("leak", "leaks"), ("clean", "clean"), ("bounded", "clean"), ("garbage", "clean"), ("inconclusive", "skipped")],
)
def test_what_is_not_told_is_skipped(verdict: EndpointOutcome, finding: str) -> None:
    assert finding_of(end(100, verdict))[0] == finding
    assert bool(finding_of(end(100, verdict))[1]) == (finding == "skipped")


@pytest.mark.parametrize(("count", "told"), [(0, False), (100, False), (101, True), (1000, True)])
def test_an_endpoint_that_mostly_fails_is_not_measured(count: int, told: bool) -> None:
    assert bool(unexpected("GET /a", {"500": count} if count else {}, 1000)) is told
