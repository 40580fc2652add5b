"""Screening and load beside each other: the load has the last word, and contradictions are told."""

from __future__ import annotations

import pytest

from harness.analysis.merge import with_names, with_screening
from harness.model.verdict import Cause, Channel, EndpointOutcome, EndpointVerdict, Holder, Naming, Verdict

HOLDER = Holder(path="App\\Registry::$items", bytes_per_request=640, elements_per_request=1)


def endpoint(
    verdict: EndpointOutcome,
    *,
    name: str = "a",
    typical: float | None = 640.0,
    requests: int = 60,
    channel: Channel = "php_heap",
    cause: Cause = "unknown",
    note: str = "",
) -> EndpointVerdict:
    return EndpointVerdict(
        name=name,
        verdict=verdict,
        bytes_per_request=650.0,
        typical_bytes_per_request=typical,
        ci95=(600, 700),
        p_value=0.5,
        requests=requests,
        channel=channel,
        cause=cause,
        note=note,
    )


def whole(*endpoints: EndpointVerdict) -> Verdict:
    return Verdict(run_id="r", outcome="leak", endpoints=endpoints)


def merged(loaded: EndpointVerdict, screened: EndpointVerdict) -> EndpointVerdict:
    return with_screening(whole(loaded), whole(screened)).endpoints[0]


@pytest.mark.parametrize(
    ("loaded", "screened", "said"),
    [
        ("leak", "leak", ""),
        ("clean", "clean", ""),
        ("bounded", "bounded", ""),
        ("leak", "clean", "one request at a time keeps nothing"),
        ("leak", "bounded", "one request at a time keeps nothing"),
        ("leak", "inconclusive", ""),
        ("inconclusive", "leak", ""),
        ("clean", "leak", "each of 60 requests kept 640 B at first"),
        ("bounded", "leak", "each of 60 requests kept 640 B at first"),
        ("garbage", "leak", ""),
    ],
)
def test_contradictions_by_table(loaded: EndpointOutcome, screened: EndpointOutcome, said: str) -> None:
    found = merged(endpoint(loaded), endpoint(screened))
    assert found.verdict == loaded
    assert found.note.startswith(said)
    assert bool(found.note) == bool(said)
    assert found.screened is not None
    assert (found.screened.verdict, found.screened.typical_bytes_per_request) == (screened, 640.0)


def test_of_a_native_leak_it_is_said_why_the_screening_had_cleared_it() -> None:
    note = merged(endpoint("leak", channel="anon"), endpoint("clean")).note
    assert note == "the screening called it clean by the PHP heaps, which native memory is no part of"


def test_notes_stand_beside_each_other() -> None:
    assert merged(endpoint("clean", note="first"), endpoint("leak")).note.startswith("first; each of 60")


def test_what_was_not_screened_stays_as_it_was() -> None:
    loaded = whole(endpoint("leak"), endpoint("clean", name="b"))
    assert with_screening(loaded, whole(endpoint("leak", requests=0))) == loaded
    assert with_screening(loaded, whole()) == loaded


def test_a_named_leak_has_holders_and_their_cause() -> None:
    naming = Naming(holders=(HOLDER,), cause="static", remark="of two censuses")
    found = with_names(whole(endpoint("leak", note="first"), endpoint("leak", name="b")), {"a": naming})
    assert (found.endpoints[0].holders, found.endpoints[0].cause) == ((HOLDER,), "static")
    assert found.endpoints[0].note == "first; of two censuses"
    assert found.endpoints[1].holders == ()


def test_a_cause_told_by_the_channels_is_kept_where_the_census_knows_none() -> None:
    found = with_names(whole(endpoint("leak", cause="resource")), {"a": Naming(holders=(HOLDER,))})
    assert found.endpoints[0].cause == "resource"


def test_only_leaks_get_names() -> None:
    loaded = whole(endpoint("clean"))
    assert with_names(loaded, {"a": Naming(holders=(HOLDER,), cause="static")}) == loaded
