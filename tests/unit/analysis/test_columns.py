"""Samples by column: however they come, the numbers and the windows are those of the samples."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.attribute import Analysis, analyse
from harness.analysis.columns import Columns, columns_of
from harness.analysis.windows import window_table
from harness.model.samples import PhpReading, ProcessReading, Recording, Sample, TraceHeader
from tests.unit.analysis.recordings import Machine, alone, appended, blocks, clean, record
from tests.unit.analysis.runs import RUN

readings = st.builds(
    ProcessReading,
    pid=st.integers(1, 6),
    started_s=st.sampled_from([1.0, 2.0]),
    open_fds=st.none() | st.integers(0, 50),
    php=st.none() | st.builds(PhpReading, heap_bytes=st.integers(0, 10**9), timers=st.none() | st.integers(0, 9)),
)
running = st.lists(readings, max_size=5, unique_by=lambda process: process.key)


def recording(each: list[list[ProcessReading]]) -> Recording:
    samples = tuple(
        Sample(elapsed_s=float(i), requests=(3 * i,), failures=(0,), processes=tuple(processes))
        for i, processes in enumerate(each)
    )
    return Recording(header=TraceHeader(endpoints=("a",)), samples=samples)


def heaps(processes: list[ProcessReading]) -> dict[tuple[int, float | None], int]:
    return {process.key: process.php.heap_bytes for process in processes if process.php}


@settings(deadline=None, derandomize=True)
@given(each=st.lists(running, min_size=2, max_size=12))
def test_windows_are_what_each_process_that_lived_through_them_changed_by(each: list[list[ProcessReading]]) -> None:
    table = window_table(recording(each))
    anyone = any(heaps(processes) for processes in each)
    for window, (before, after) in enumerate(itertools.pairwise(each)):
        first, last = heaps(before), heaps(after)
        both = first.keys() & last.keys()
        expected = float(sum(last[key] - first[key] for key in both)) if both else np.nan
        np.testing.assert_equal(table.growth["php_heap"][window], expected)
        everyone = {process.key for process in before} != {process.key for process in after}
        assert table.disturbed[window] == everyone
        assert table.broken[window] == ((first.keys() != last.keys()) if anyone else everyone)


@settings(deadline=None, derandomize=True)
@given(each=st.lists(running, min_size=1, max_size=12), data=st.data())
def test_samples_taken_in_parts_are_the_same_as_at_once(each: list[list[ProcessReading]], data: st.DataObject) -> None:
    whole = recording(each)
    columns, cut = Columns(1), data.draw(st.integers(0, len(each)))
    columns.extend(whole.samples[:cut])
    columns.extend(whole.samples[cut:])
    at_once = columns_of(whole)
    assert len(columns) == len(at_once) == len(each)
    np.testing.assert_equal(columns.values, at_once.values)
    np.testing.assert_equal(columns.requests, at_once.requests)
    assert columns.events == at_once.events


def test_more_samples_than_there_was_room_for_at_first() -> None:
    each = [[ProcessReading(pid=1, started_s=0.0, php=PhpReading(heap_bytes=100 * i))] for i in range(5000)]
    table = window_table(recording(each))
    assert table.growth["php_heap"].tolist() == [100.0] * 4999
    assert table.requests[:, 0].tolist() == [3.0] * 4999


def test_looking_in_between_changes_no_verdict() -> None:
    app = {"clean": clean, "leak": appended(640)}
    whole = record(app, blocks(app, 8), Machine(restarts=frozenset({5})))
    analysis = Analysis(whole.header, RUN)
    for sample in whole.samples:
        analysis.take([sample])
        analysis.verdict()
    assert analysis.final() == analyse(whole, RUN)


def test_looking_in_between_changes_no_verdict_by_container_memory() -> None:
    app = {"clean": clean, "leak": appended(640), "other": clean}
    whole = record(app, alone(app, 8), Machine(heaps=False, walk=500.0, restarts=frozenset({5, 17})))
    analysis = Analysis(whole.header, RUN)
    for sample in whole.samples:
        analysis.take([sample])
        analysis.verdict()
    assert analysis.verdict() == analyse(whole, RUN)


def test_a_shell_that_comes_and_goes_breaks_no_window_of_the_heaps() -> None:
    worker = [ProcessReading(pid=1, started_s=0.0, php=PhpReading(heap_bytes=100 * i)) for i in range(3)]
    shell = ProcessReading(pid=9, started_s=5.0)
    table = window_table(recording([[worker[0]], [worker[1], shell], [worker[2]]]))
    assert table.broken.tolist() == [False, False]
    assert table.disturbed.tolist() == [True, True]
