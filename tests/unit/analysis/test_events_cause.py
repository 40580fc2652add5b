"""What happened to the processes, and what the growing channels say of the cause."""

from __future__ import annotations

import pytest

from harness.analysis.attribute import analyse
from harness.analysis.cause import cause_of, growth_per_request
from harness.analysis.columns import columns_of
from harness.analysis.decide import Settings
from harness.analysis.windows import window_table
from harness.model.samples import Event, ProcessReading, Recording, Sample, TraceHeader
from harness.model.verdict import Cause
from tests.unit.analysis.recordings import Machine, appended, blocks, clean, mix, record

APP = {"clean": clean, "resource": appended(464)}


def events(*running: list[tuple[int, float]], recorded: tuple[Event, ...] = ()) -> list[tuple[float, str, str]]:
    """Of samples a second apart, given the processes' pids and starts in each; `recorded` come with the second."""
    samples = tuple(
        Sample(
            elapsed_s=float(i),
            requests=(0,),
            failures=(0,),
            processes=tuple(ProcessReading(pid=pid, name="w", started_s=started) for pid, started in processes),
            events=recorded if i == 1 else (),
        )
        for i, processes in enumerate(running)
    )
    found = columns_of(Recording(header=TraceHeader(endpoints=("a",)), samples=samples))
    return [(event.elapsed_s, event.kind, event.detail) for event in found.events]


@pytest.mark.parametrize(
    ("running", "found"),
    [
        ([[(1, 0)], [(1, 0)]], []),
        ([[(1, 0)], [(2, 5)]], [(1, "worker_restart", "pid 1 w → pid 2 w")]),
        ([[(1, 0)], [(1, 5)]], [(1, "worker_restart", "pid 1 w → pid 1 w")]),
        ([[(1, 0), (2, 0)], [(1, 0)]], [(1, "process_exit", "pid 2 w")]),
        ([[(1, 0)], [(1, 0), (2, 1)]], [(1, "process_start", "pid 2 w")]),
        (
            [[(1, 0), (2, 0)], [(3, 5)], [(3, 5), (4, 6)]],
            [
                (1, "worker_restart", "pid 1 w → pid 3 w"),
                (1, "process_exit", "pid 2 w"),
                (2, "process_start", "pid 4 w"),
            ],
        ),
        ([[(1, 0)], []], [(1, "process_exit", "pid 1 w")]),
        ([[]], []),
        ([], []),
    ],
)
def test_births_and_deaths_by_table(
    running: list[list[tuple[int, float]]], found: list[tuple[float, str, str]]
) -> None:
    assert events(*running) == found


def test_recorded_events_stand_among_them_in_order_of_time() -> None:
    killed = Event(elapsed_s=0.5, kind="oom_kill", detail="1 process")
    assert [kind for _, kind, _ in events([(1, 0)], [(2, 1)], [], recorded=(killed,))] == [
        "oom_kill", "worker_restart", "process_exit",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("per_request", "heap_flat", "cause"),
    [
        ({"timers": 1.0, "open_fds": 0.0}, False, "timer"),
        ({"coroutines": 1.0}, False, "coroutine"),
        ({"open_fds": 1.0}, False, "resource"),
        ({"resources": 1.0, "open_fds": 0.0}, False, "resource"),
        ({"timers": 1.0, "coroutines": 1.0, "resources": 1.0}, False, "timer"),
        ({"open_fds": 1.0}, True, "resource"),
        ({"open_fds": 0.1}, False, "unknown"),
        ({}, False, "unknown"),
        ({}, True, "extension"),
        ({"open_fds": -1.0}, True, "extension"),
    ],
)
def test_causes_by_table(per_request: dict[str, float], heap_flat: bool, cause: Cause) -> None:
    assert cause_of(per_request, heap_flat=heap_flat) == cause


def test_files_that_stay_open_are_counted_by_request_and_name_the_cause() -> None:
    found = analyse(record(APP, blocks(APP, 8), Machine(files={"resource": 1})), Settings()).endpoints
    assert (found[1].verdict, found[1].cause, found[1].per_request["open_fds"]) == ("leak", "resource", 1.0)
    assert (found[0].verdict, found[0].cause, found[0].per_request["open_fds"]) == ("clean", "unknown", 0.0)
    closed = analyse(record(APP, blocks(APP, 8)), Settings()).endpoints
    assert (closed[1].cause, closed[1].per_request["open_fds"]) == ("unknown", 0.0)


def test_restarts_and_the_mix_do_not_count() -> None:
    windows = [*blocks(APP, 12), *mix(APP)]
    machine = Machine(files={"resource": 1}, restarts=frozenset({4, 9, 20}), together=lambda counts: 5000)
    found = growth_per_request(window_table(record(APP, windows, machine)))[1]
    assert found["open_fds"] == pytest.approx(1.0, abs=0.01)


def test_what_could_not_be_counted_is_left_out() -> None:
    assert growth_per_request(window_table(record(APP, blocks(APP, 8))))[1].keys() == {"open_fds"}
    assert growth_per_request(window_table(record(APP, blocks(APP, 8)[:1])))[1] == {}
