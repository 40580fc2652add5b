"""The pictures of a run agree with its verdict, lose no peak, and stay small however long the run was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.attribute import analyse
from harness.analysis.decide import Settings
from harness.analysis.picture import (
    ALL_GROWTH_POINTS,
    CURVE_POINTS,
    MOST_BANDS,
    pictures_of,
    screening_pictures,
    thinned,
)
from harness.analysis.screening import screen_verdict
from harness.model.picture import Pictures
from harness.model.verdict import Verdict
from tests.unit.analysis.recordings import App, Machine, appended, blocks, clean, leak, mix, record, screening

APP: App = {"GET /leak": leak(500), "GET /clean": clean, "GET /array": appended(200)}


def drawn(app: App = APP, windows: int = 8, machine: Machine | None = None) -> tuple[Pictures, Verdict]:
    recording = record(app, [*blocks(app, windows), *mix(app)], machine)
    verdict = analyse(recording, Settings())
    return pictures_of(recording, verdict), verdict


def test_what_an_endpoint_keeps_in_its_picture_is_what_the_verdict_says() -> None:
    pictures, verdict = drawn()
    for growth, endpoint in zip(pictures.growths, verdict.endpoints, strict=True):
        assert growth.requests[0] == growth.kept_bytes[0] == 0
        assert growth.requests[-1] == endpoint.requests
        assert growth.kept_bytes[-1] / growth.requests[-1] == pytest.approx(endpoint.bytes_per_request, abs=10)


def test_of_windows_with_others_what_those_keep_is_taken_off() -> None:
    recording = record(APP, [*blocks(APP, 8), *(window for window in mix(APP, 6))])
    soak = recording.model_copy(
        update={
            "samples": tuple(
                s.model_copy(update={"window": s.window and s.window.model_copy(update={"kind": "soak"})})
                for s in recording.samples
            )
        }
    )
    verdict = analyse(recording, Settings())
    kept = pictures_of(soak, verdict).growths[1]
    assert abs(kept.kept_bytes[-1]) / kept.requests[-1] < 20


def test_a_leak_beside_the_heap_is_drawn_from_the_windows_that_tell_it() -> None:
    app: App = {"GET /leak": leak(500), "GET /native": clean}
    windows = [*blocks(app, 8), *blocks(app, 8, first=8, only=["GET /native"])]
    recording = record(app, windows, Machine(native={"GET /native": 4096}))
    verdict = analyse(recording, Settings())
    native = next(e for e in verdict.endpoints if e.name == "GET /native")
    assert (native.verdict, native.channel) == ("leak", "anon")
    growth = pictures_of(recording, verdict).growths[1]
    assert growth.kept_bytes[-1] / growth.requests[-1] == pytest.approx(4096, rel=0.05)


def test_each_window_is_shaded_by_its_endpoint_and_the_mix_by_none() -> None:
    pictures, _ = drawn()
    assert {band.endpoint for band in pictures.bands if band.kind == "load"} == {0, 1, 2}
    assert {band.endpoint for band in pictures.bands if band.kind in ("idle", "mix")} == {None}
    assert all(band.start_s < band.end_s for band in pictures.bands)
    leaking = [band for band in pictures.bands if band.endpoint == 0]
    assert {round((band.kept_bytes or 0) / band.requests) for band in leaking} == {500}


def test_channels_that_said_nothing_have_no_curve() -> None:
    pictures, _ = drawn()
    assert [curve.name for curve in pictures.curves] == ["php_heap", "anon", "open_fds"]
    without = drawn(machine=Machine(heaps=False))[0]
    assert without.curve("php_heap", "anon") == without.curve("anon") is not None


def test_an_endpoint_that_the_recording_doesnt_know_has_no_points() -> None:
    recording = record(APP, blocks(APP, 8))
    verdict = analyse(recording, Settings())
    renamed = verdict.endpoints[0].model_copy(update={"name": "GET /other"})
    changed = verdict.model_copy(update={"endpoints": (renamed, *verdict.endpoints[1:])})
    assert pictures_of(recording, changed).growths[0].requests == ()


def test_a_run_of_hundreds_of_endpoints_stays_small() -> None:
    app: App = {f"GET /{i}": leak(500) if i % 50 == 0 else clean for i in range(500)}
    pictures, _ = drawn(app, 4)
    assert len(pictures.bands) <= MOST_BANDS
    assert {band.endpoint for band in pictures.bands} >= {0, 50, 450}
    assert sum(len(growth.requests) for growth in pictures.growths) <= ALL_GROWTH_POINTS
    assert all(len(curve.levels) <= CURVE_POINTS for curve in pictures.curves)


def test_a_screening_is_drawn_request_by_request() -> None:
    recording = screening({"GET /leak": leak(500), "GET /clean": clean}, 30)
    pictures = screening_pictures(recording, screen_verdict(recording, Settings()))
    leaking, other = pictures.growths
    assert pictures.screened
    assert leaking.kept_bytes[-1] == 500 * leaking.requests[-1] > 0
    assert set(other.kept_bytes) == {0}


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=400), st.integers(4, 100))
def test_thinning_keeps_the_ends_and_the_extremes_in_order(values: list[float], most: int) -> None:
    levels = np.array(values)
    places = thinned(levels, most)
    assert len(places) <= most
    assert list(places) == sorted(set(places))
    assert (places[0], places[-1]) == (0, len(levels) - 1)
    assert (levels[places].min(), levels[places].max()) == (levels.min(), levels.max())
