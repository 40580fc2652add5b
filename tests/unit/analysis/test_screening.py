"""One request at a time: what is kept by each is exact, and what it means comes with time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.decide import Settings
from harness.analysis.screening import FIRST_USES, NO_COLLECTION, Retained, judge, retained_bytes, screen_verdict
from harness.analysis.windows import TRUNCATED
from harness.model.screen import ScreenHeader, ScreenRecording, ScreenRequest
from harness.model.verdict import EndpointVerdict
from tests.unit.analysis.recordings import (
    Behaviour,
    appended,
    cache,
    clean,
    counted,
    first_use,
    garbage,
    leak,
    screening,
)

SETTINGS = Settings()


def suspect(behaviour: Behaviour, requests: int, *, seed: int = 0) -> EndpointVerdict:
    """The verdict on one endpoint beside a clean one, which has to come out clean."""
    found = screen_verdict(screening({"clean": clean, "suspect": behaviour}, requests, seed=seed), SETTINGS)
    assert found.endpoints[0].verdict == "clean"
    return found.endpoints[1]


def outcome_of(steady: list[float], *, threshold_bytes: float = 64.0, roots: float = math.nan) -> str:
    return judge(Retained(np.array(steady, dtype=float), roots, len(steady)), Settings(threshold_bytes))[0]


@pytest.mark.parametrize("size_bytes", [80, 320, 376, 640, 8960])
@pytest.mark.parametrize("kind", [leak, appended])
def test_a_leak_is_exact_to_the_byte(kind: type, size_bytes: int) -> None:
    found = suspect(kind(size_bytes), 60)
    assert found.verdict == "leak"
    assert found.typical_bytes_per_request == size_bytes
    assert found.ci95[0] <= size_bytes <= found.bytes_per_request <= found.ci95[1]
    assert found.p_value < 1e-9


@settings(deadline=None, derandomize=True, max_examples=40)
@given(size_bytes=st.integers(72, 20_000), seed=st.integers(0, 10_000))
def test_any_leak_over_the_threshold_is_found_in_any_order(size_bytes: int, seed: int) -> None:
    found = suspect(appended(size_bytes), 60, seed=seed)
    assert (found.verdict, found.typical_bytes_per_request) == ("leak", size_bytes)


@pytest.mark.parametrize(
    "behaviour",
    [clean, first_use(200_000), counted(lambda n: 5000 if n <= 2 else 0), leak(48), cache(3, 900)],
    ids=["nothing", "first use", "two first uses", "below the threshold", "warm after three"],
)
def test_what_keeps_nothing_in_the_long_run_is_clean_or_bounded(behaviour: Behaviour) -> None:
    assert suspect(behaviour, 60).verdict in ("clean", "bounded")


@pytest.mark.parametrize("requests", [FIRST_USES, 10])
def test_a_few_requests_tell_nothing(requests: int) -> None:
    found = screen_verdict(screening({"a": clean, "b": leak(640)}, requests), SETTINGS)
    assert {endpoint.verdict for endpoint in found.endpoints} == {"inconclusive"}
    assert all(endpoint.note.startswith("only ") for endpoint in found.endpoints)


@pytest.mark.parametrize("keys", [None, 60], ids=["in order", "at random"])
def test_a_cache_that_fills_up_is_bounded(keys: int | None) -> None:
    found = suspect(cache(60, 1280, keys), 400)
    assert found.verdict == "bounded"
    assert found.typical_bytes_per_request in (0.0, 1280.0)


@pytest.mark.parametrize("seed", range(5))
def test_a_large_cache_that_begins_to_fill_is_no_leak(seed: int) -> None:
    assert suspect(cache(2001, 1280, 2001), 400, seed=seed).verdict in ("inconclusive", "bounded")


def test_garbage_is_told_by_the_collectors_run() -> None:
    found = suspect(garbage(19_840, 100), 500)
    assert found.verdict == "garbage"
    assert found.typical_bytes_per_request == 19_840


def test_garbage_before_any_collection_looks_like_a_leak_and_the_verdict_says_so() -> None:
    collected = screening({"a": leak(640), "b": garbage(19_840, 50)}, 200)
    waiting = screening({"a": leak(640), "b": garbage(19_840, 10_000)}, 200)
    assert NO_COLLECTION in screen_verdict(waiting, SETTINGS).notes
    assert NO_COLLECTION not in screen_verdict(collected, SETTINGS).notes
    assert NO_COLLECTION not in screen_verdict(screening({"a": clean}, 50), SETTINGS).notes


@pytest.mark.parametrize(
    ("steady", "outcome"),
    [
        ([0] * 15, "inconclusive"),
        ([0] * 16, "clean"),
        ([640] * 29, "inconclusive"),
        ([640] * 30, "leak"),
        ([640] * 29 + [640 + 2**20], "leak"),
        ([640] * 80 + [0] * 80, "bounded"),
        ([640] * 20 + [0] * 60, "bounded"),
        ([640, 640, 640, 0] * 20, "inconclusive"),
        ([640] * 20 + [-640 * 20] + [640] * 19, "garbage"),
        ([0] * 10 + [50_000] + [0] * 20, "clean"),
        ([0] * 29 + [50_000], "inconclusive"),
        ([56] * 60, "clean"),
        ([72] * 60, "leak"),
        ([-16] * 40, "clean"),
    ],
)
def test_what_requests_kept_by_table(steady: list[float], outcome: str) -> None:
    assert outcome_of(steady) == outcome


@settings(deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([0.0, 0.0, 16.0, 640.0, -640.0, 20_000.0]), max_size=200))
def test_every_course_has_an_answer_and_scales_with_its_threshold(steady: list[float]) -> None:
    once = outcome_of(steady)
    assert once == outcome_of([8 * value for value in steady], threshold_bytes=512.0)
    assert once != "leak" or float(np.median(steady)) > 64.0


@pytest.mark.parametrize(
    ("roots", "outcome"), [(0.0, "leak"), (math.nan, "leak"), (1.0, "inconclusive"), (12.0, "inconclusive")]
)
def test_growth_that_leaves_possible_roots_of_cycles_may_be_garbage(roots: float, outcome: str) -> None:
    assert outcome_of([640] * 60, roots=roots) == outcome


def test_births_and_deaths_are_counted_and_tell_nothing() -> None:
    requests = [ScreenRequest(elapsed_s=0.0, endpoint=0, status=200)] * FIRST_USES
    requests += [
        ScreenRequest(elapsed_s=0.1, endpoint=0, status=None, heaps={7: (9_000_000, None)}),
        ScreenRequest(elapsed_s=0.2, endpoint=0, status=200, heaps={8: (None, 8_000_000)}),
        ScreenRequest(elapsed_s=0.3, endpoint=0, status=200, heaps={9: (100, 90)}),
        ScreenRequest(elapsed_s=0.4, endpoint=0, status=200),
    ]
    found = retained_bytes(ScreenRecording(header=ScreenHeader(endpoints=("a",)), requests=tuple(requests)))
    assert found[0].requests == 6
    assert found[0].steady.tolist() == [0.0]


def test_an_endpoint_that_was_not_asked_is_inconclusive() -> None:
    recording = ScreenRecording(header=ScreenHeader(endpoints=("a", "b")), requests=())
    found = screen_verdict(recording, SETTINGS)
    assert {endpoint.verdict for endpoint in found.endpoints} == {"inconclusive"}
    assert found.outcome == "inconclusive"


def test_growth_between_requests_is_no_requests_fault() -> None:
    """Each request takes a millisecond, and 500 bytes come before it."""
    app = {"leak": leak(640)}
    found = screen_verdict(screening(app, 200, workers=1, between_bytes=500), SETTINGS)
    assert found.endpoints[0].typical_bytes_per_request == 640
    assert found.time_driven_bytes_per_second == pytest.approx(500_000, rel=0.01)
    assert screen_verdict(screening(app, 200), SETTINGS).time_driven_bytes_per_second == 0


def test_limits_hold_the_mean_where_it_is_not_the_typical_request() -> None:
    found = suspect(garbage(19_840, 100), 500)
    assert found.ci95[0] < found.bytes_per_request < found.ci95[1]


def test_a_screening_that_was_cut_off_says_so() -> None:
    recording = screening({"clean": clean}, 30).model_copy(update={"truncated": True})
    assert TRUNCATED in screen_verdict(recording, SETTINGS).notes
