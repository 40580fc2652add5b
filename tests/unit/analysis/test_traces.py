"""Recordings of a real Hyperf container: the answers that the product must keep giving."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from harness.analysis.attribute import analyse
from harness.analysis.columns import columns_of
from harness.analysis.decide import Settings
from harness.analysis.regression import robust_fit
from harness.analysis.screening import screen_verdict
from harness.analysis.windows import window_table
from harness.model.samples import Recording
from harness.model.verdict import EndpointVerdict, Verdict
from harness.sample.recording import read_recording, read_screening

TRACES = Path(__file__).parents[2] / "data" / "traces"
SETTINGS = Settings()
looks = pytest.mark.parametrize("settings", [SETTINGS, Settings(looks=11)], ids=["one look", "as a run"])


@lru_cache
def recording(name: str) -> Recording:
    return read_recording(TRACES / f"{name}.jsonl")


@lru_cache
def loaded(name: str, settings: Settings = SETTINGS) -> Verdict:
    return analyse(recording(name), settings)


@lru_cache
def screened(name: str) -> Verdict:
    return screen_verdict(read_screening(TRACES / f"{name}.jsonl"), SETTINGS)


def found(verdict: Verdict) -> dict[str, EndpointVerdict]:
    return {endpoint.name.removeprefix("GET "): endpoint for endpoint in verdict.endpoints}


def without_heaps(whole: Recording) -> Recording:
    samples = tuple(
        sample.model_copy(
            update={"processes": tuple(process.model_copy(update={"php": None}) for process in sample.processes)}
        )
        for sample in whole.samples
    )
    return whole.model_copy(update={"samples": samples})


@looks
def test_the_static_leak_is_found_and_the_large_response_is_not_blamed(settings: Settings) -> None:
    verdict = loaded("static-big-cache", settings)
    endpoints = found(verdict)
    assert verdict.outcome == "leak"
    assert {name for name, endpoint in endpoints.items() if endpoint.verdict == "leak"} == {"/static"}
    assert endpoints["/static"].bytes_per_request == pytest.approx(650, rel=0.1)
    assert endpoints["/static"].ci95[0] < 652 < endpoints["/static"].ci95[1]
    assert {endpoints[name].verdict for name in ("/clean", "/big", "/nosuch", "/?a=1")} == {"clean"}
    assert endpoints["/big"].bytes_per_request == pytest.approx(0, abs=5)


def test_a_cache_that_is_still_filling_is_said_to_be_that() -> None:
    cache = found(loaded("static-big-cache"))["/cache"]
    assert cache.verdict == "inconclusive"
    assert "still filling" in cache.note


@looks
@pytest.mark.parametrize("name", ["static-big-cache", "five-causes", "clean-only", "steady-static"])
def test_without_the_heaps_nobody_is_blamed(name: str, settings: Settings) -> None:
    verdict = analyse(without_heaps(recording(name)), settings)
    assert verdict.outcome == "inconclusive"
    assert "leak" not in {endpoint.verdict for endpoint in verdict.endpoints}
    assert any("heaps were not read" in note for note in verdict.notes)


def test_regression_on_the_containers_memory_blames_the_large_response() -> None:
    """Why it is not used so: with the very same windows it gives the watermark's mover a leak, the leak nothing."""
    table = window_table(recording("static-big-cache"))
    slopes = robust_fit(table.requests, table.growth["anon"], floor=1.0).slopes
    by_name = dict(zip(table.endpoints, slopes, strict=True))
    assert by_name["GET /static"] < 200


@looks
def test_all_leaks_of_the_heap_are_found_with_what_they_keep_open(settings: Settings) -> None:
    endpoints = found(loaded("five-causes", settings))
    leaks = {"/static", "/global", "/closure", "/resource", "/ctx", "/timer", "/coro"}
    assert {name for name, endpoint in endpoints.items() if endpoint.verdict == "leak"} == leaks
    assert {endpoint.channel for endpoint in endpoints.values()} == {"php_heap"}
    kept = {(n, thing): each for n, e in endpoints.items() for thing, each in e.per_request.items() if each}
    assert kept == pytest.approx(
        {
            ("/timer", "timers"): 1,
            ("/coro", "coroutines"): 1,
            ("/resource", "open_fds"): 1,
            ("/resource", "resources"): 1,
        }
    )


@pytest.mark.parametrize(
    ("name", "size_bytes", "cause"),
    [
        ("/static", 650, "unknown"),
        ("/global", 330, "unknown"),
        ("/closure", 2080, "unknown"),
        ("/resource", 480, "resource"),
        ("/ctx", 430, "unknown"),
        ("/timer", 515, "timer"),
        ("/coro", 8960, "coroutine"),
    ],
)
def test_leaks_of_the_heap_have_their_size_and_cause(name: str, size_bytes: int, cause: str) -> None:
    endpoint = found(loaded("five-causes"))[name]
    assert endpoint.bytes_per_request == pytest.approx(size_bytes, rel=0.1)
    assert endpoint.ci95[0] < endpoint.bytes_per_request < endpoint.ci95[1]
    assert endpoint.cause == cause


@pytest.mark.parametrize("name", ["/clean", "/big", "/native"])
def test_the_heap_is_not_blamed_for_what_is_not_on_it(name: str) -> None:
    endpoint = found(loaded("five-causes"))[name]
    assert endpoint.verdict != "leak"
    assert endpoint.ci95[0] < 0 < endpoint.ci95[1]


@looks
def test_an_app_without_leaks_is_clean(settings: Settings) -> None:
    verdict = loaded("clean-only", settings)
    assert verdict.outcome == "clean"
    assert {endpoint.verdict for endpoint in verdict.endpoints} == {"clean"}
    assert all(endpoint.bytes_per_request == pytest.approx(0, abs=5) for endpoint in verdict.endpoints)


@looks
def test_a_steady_mix_still_tells_its_one_leak(settings: Settings) -> None:
    verdict = loaded("steady-static", settings)
    assert {e.name: e.verdict for e in verdict.endpoints if e.verdict != "clean"} == {"GET /static": "leak"}
    assert found(verdict)["/static"].bytes_per_request == pytest.approx(650, rel=0.1)


@pytest.mark.parametrize("name", ["static-big-cache", "five-causes", "clean-only", "steady-static"])
def test_nothing_happened_and_nothing_grew_by_itself(name: str) -> None:
    assert columns_of(recording(name)).events == ()
    assert loaded(name).time_driven_bytes_per_second == 0.0
    assert loaded(name).unattributed_bytes_per_request == 0.0


@pytest.mark.parametrize(
    ("name", "typical_bytes"),
    [
        ("/static", 640), ("/tiny", 80), ("/global", 320), ("/ctx", 376), ("/timer", 496), ("/coro", 8960),
        ("/closure", 2040), ("/resource", 464),
    ],
)  # fmt: skip
def test_screened_leaks_are_exact_to_the_allocators_size_class(name: str, typical_bytes: int) -> None:
    endpoint = found(screened("screen-causes"))[name]
    assert endpoint.verdict == "leak"
    assert endpoint.typical_bytes_per_request == typical_bytes
    assert endpoint.bytes_per_request >= typical_bytes


@pytest.mark.parametrize("name", ["/clean", "/native", "/big", "/", "/nosuch"])
def test_screened_clean_endpoints_keep_nothing_at_all(name: str) -> None:
    endpoint = found(screened("screen-causes"))[name]
    assert (endpoint.verdict, endpoint.typical_bytes_per_request, endpoint.bytes_per_request) == ("clean", 0.0, 0.0)


def test_screened_caches_and_garbage_are_told_by_volume() -> None:
    early, later = found(screened("screen-causes")), found(screened("screen-cache-cycle"))
    assert early["/cache"].verdict == "inconclusive"
    assert {name: endpoint.verdict for name, endpoint in later.items()} == {
        "/clean": "clean", "/cache": "bounded", "/cycle": "garbage", "/nosuch": "clean",
    }  # fmt: skip
    assert later["/cycle"].typical_bytes_per_request == 19_840
    assert screened("screen-cache-cycle").outcome == "clean"


def test_garbage_that_nobody_collected_yet_is_under_reserve() -> None:
    assert any("collector did not run" in note for note in screened("screen-causes").notes)


def test_the_traces_are_read_from_files_as_they_were_recorded() -> None:
    assert sorted(path.stem for path in TRACES.glob("*.jsonl")) == [
        "clean-only", "five-causes", "screen-cache-cycle", "screen-causes", "static-big-cache", "steady-static",
    ]  # fmt: skip
