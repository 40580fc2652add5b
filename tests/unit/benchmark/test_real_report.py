"""What the runs on the real app are made of, and how their rows are told."""

from __future__ import annotations

import numpy as np
import pytest

from harness.model.samples import Sample
from harness.sample.recording import read_recording
from tests.benchmark.attribution import real, traces
from tests.benchmark.attribution.real_cases import (
    RealRun,
    all_runs,
    is_native,
    load_only,
    native_bytes,
    quick_runs,
    ten_hidden,
)
from tests.benchmark.attribution.rivals import OURS, OURS_RESIDENT
from tests.benchmark.attribution.series import Series
from tests.unit.verdicts import verdict_of

RUNS = [*all_runs(), *quick_runs()]


@pytest.mark.parametrize("planned", RUNS, ids=lambda planned: f"{planned.name} {planned.seed}")
def test_every_run_is_a_scenario_whose_twin_has_as_many_endpoints_and_no_leak(planned: RealRun) -> None:
    scenario = planned.scenario()
    twin = planned.before_it_leaked()
    assert [endpoint.request.path for endpoint in scenario.endpoints] == list(planned.paths)
    assert len(twin.paths) == len(planned.paths)
    assert not any(twin.paths.values())
    assert len(twin.expect) == len(planned.expect)
    assert set(twin.expect) <= set(twin.paths)


def test_runs_are_told_apart_by_name_and_seed() -> None:
    names = [(planned.name, planned.seed) for planned in all_runs()]
    assert len(names) == len(set(names))
    assert {len(planned.paths) for planned in all_runs() if planned.name.startswith("ten")} == {10}
    assert {len(planned.paths) for planned in all_runs() if planned.name == "hundred"} == {100}


@pytest.mark.parametrize(
    ("path", "kept"), [("/extension", 2064), ("/extension?bytes=32", 48), ("/extension?bytes=1", 32)]
)
def test_native_memory_is_what_malloc_makes_of_it(path: str, kept: int) -> None:
    assert is_native(path)
    assert native_bytes(path) == kept


def alone(slope: float, endpoint: int, settles_after: int = 0) -> Series:
    places = np.arange(101, dtype=np.float64)
    levels = 1e6 + slope * 10 * places + 1e5 * (places <= settles_after) * (places > 0)
    sent = np.zeros((101, 10))
    sent[:, endpoint] = 10 * places
    return Series(places / 10, levels, sent)


def test_one_at_a_time_has_taken_the_time_from_which_on_it_is_right() -> None:
    planned = ten_hidden(1)
    series = tuple(alone(500.0 * leaks, e, 40) for e, leaks in enumerate(planned.paths.values()))
    found = real.soonest_right(planned, series, 100.0)
    assert found == pytest.approx(41.0, abs=1.5)
    never = [alone(0.0, e) for e in range(10)]
    assert real.soonest_right(planned, never, 100.0) is None


def row(endpoint: str, leaks: bool, leak: bool, **values: str) -> dict[str, str]:
    told = {
        "run": "causes", "seed": "1", "method": OURS, "endpoint": endpoint, "leaks": str(int(leaks)),
        "leak": str(int(leak)), "cleared": str(int(not leak)), "bytes_per_request": "0", "low95": "", "high95": "",
        "truth": "", "decided_after_s": "8.00", "decided_after_requests": "900", "run_s": "30.0",
    }  # fmt: skip
    return told | values


def test_the_report_tells_precision_recall_and_the_error_of_what_was_found() -> None:
    size = {"bytes_per_request": "646", "truth": "640", "low95": "630", "high95": "660"}
    rows = [
        row("/static", True, True, **size),
        row("/global", True, False, decided_after_s="", decided_after_requests=""),
        row("/clean", False, True),
        row("/big", False, False, seed="2", decided_after_s="12.50"),
    ]
    told = real.report(rows)
    assert f"| causes | {OURS} | 2 | 0.500 | 0.500 | 0.500 | 0.9% | 0.9% | 1 of 1 | 12.5 | 900 | 30 s |" in told


def test_a_run_without_a_leak_that_blames_nobody_is_perfect() -> None:
    told = real.report([row("/clean", False, False, method=OURS_RESIDENT)])
    assert f"| causes | {OURS_RESIDENT} | 1 | – | – | 1.000 |" in told


@pytest.mark.parametrize(
    ("notes", "told"),
    [
        (["GET {a} with GET {b}: together they keep 300 B a request"], {"{a} with {b}": ("1", "1")}),
        ([], {"{a} with {b}": ("1", "0")}),
        (["GET /x with GET {b}: together they keep 9 B"], {"{a} with {b}": ("1", "0"), "/x with {b}": ("0", "1")}),
    ],
)
def test_a_pair_is_one_more_leak_that_is_found_where_the_notes_name_it(
    notes: list[str], told: dict[str, tuple[str, str]]
) -> None:
    planned = load_only(1)
    ((a, b),) = planned.pairs
    said = verdict_of(outcome="leak").model_copy(update={"notes": tuple(note.format(a=a, b=b) for note in notes)})
    last = Sample(elapsed_s=30.0, requests=(5, 6), failures=(0, 0), processes=())
    rows = real.pair_rows(planned, OURS, said, last)
    assert {row["endpoint"]: (row["leaks"], row["leak"]) for row in rows} == {
        name.format(a=a, b=b): pair for name, pair in told.items()
    }


def test_the_recorded_traces_are_read_as_the_competitors_need_them() -> None:
    whole = read_recording(traces.FOLDER / "clean-only.jsonl")
    series = traces.series_of(whole)
    assert len(series) == len(whole.samples)
    assert series.sent > 0
    assert all(process.php is None for sample in traces.without_heaps(whole).samples for process in sample.processes)
