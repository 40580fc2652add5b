"""From cumulative samples to windows: what was sent, what grew, and what broke."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.windows import available_channels, window_table
from harness.load.schedule import PlannedWindow
from harness.model.samples import PhpReading, ProcessReading, Recording, Sample, TraceHeader, WindowMark
from tests.unit.analysis.recordings import Machine, blocks, clean, leak, mix, record, warmup

APP = {"clean": clean, "leak": leak(640)}


def process(pid: int, heap: int | None = None, *, started_s: float = 0.0, rss: int | None = None) -> ProcessReading:
    php = None if heap is None else PhpReading(heap_bytes=heap)
    return ProcessReading(pid=pid, started_s=started_s, rss_bytes=rss, php=php)


def recording(*processes: tuple[ProcessReading, ...]) -> Recording:
    samples = tuple(
        Sample(elapsed_s=0.5 * i, requests=(10 * i,), failures=(0,), processes=running)
        for i, running in enumerate(processes)
    )
    return Recording(header=TraceHeader(endpoints=("GET /",)), samples=samples)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=12))
def test_windows_are_the_differences_of_samples(counts: list[tuple[int, int]]) -> None:
    table = window_table(record(APP, [PlannedWindow(0, "load", pair) for pair in counts]))
    assert table.requests.tolist() == [list(map(float, pair)) for pair in counts]
    assert table.growth["php_heap"].tolist() == [640.0 * leaking for _, leaking in counts]
    assert table.duration_s.tolist() == [0.5] * len(counts)
    assert not table.broken.any()


def test_the_warm_up_is_left_out_and_the_mix_is_marked() -> None:
    plan = [*warmup(APP), *blocks(APP, 2), *mix(APP, 3)]
    table = window_table(record(APP, plan))
    assert len(table) == len(plan) - 2
    assert table.mix.tolist() == [False] * 6 + [True] * 3


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_samples_are_no_window(count: int) -> None:
    table = window_table(recording(*[(process(1, 100),)] * count))
    assert len(table) == 0
    assert table.requests.shape == (0, 1)
    assert available_channels(table) == ()


@pytest.mark.parametrize(
    ("before", "after", "broken", "growth"),
    [
        ((process(1, 100), process(2, 50)), (process(1, 130), process(2, 40)), False, 20.0),
        ((process(1, 100), process(2, 50)), (process(1, 130),), True, 30.0),
        ((process(1, 100),), (process(1, 130), process(2, 900)), True, 30.0),
        ((process(1, 100), process(2, 50)), (process(1, 130), process(3, 7)), True, 30.0),
        ((process(1, 100, started_s=5.0),), (process(1, 10, started_s=9.0),), True, np.nan),
        ((process(1, 100), process(9)), (process(1, 100), process(9)), False, 0.0),
        ((process(9),), (process(9),), False, np.nan),
        ((), (), False, np.nan),
    ],
    ids=["same", "death", "birth", "recycled", "pid used again", "no php in one", "no php at all", "none"],
)
def test_only_processes_that_lived_through_a_window_count(
    before: tuple[ProcessReading, ...], after: tuple[ProcessReading, ...], broken: bool, growth: float
) -> None:
    table = window_table(recording(before, after))
    assert table.broken.tolist() == [broken]
    assert table.growth["php_heap"] == pytest.approx([growth], nan_ok=True)


def test_heaps_come_before_the_containers_memory_and_that_before_resident_sizes() -> None:
    table = window_table(record(APP, blocks(APP, 2)))
    assert available_channels(table) == ("php_heap", "anon")
    assert available_channels(window_table(record(APP, blocks(APP, 2), Machine(heaps=False)))) == ("anon",)
    assert available_channels(window_table(recording((process(1, rss=5),), (process(1, rss=9),)))) == ("rss",)


def test_a_channel_that_falls_silent_in_a_broken_window_is_still_there() -> None:
    table = window_table(recording((process(1, 100),), (), (process(2, 5),), (process(2, 9),)))
    assert table.broken.tolist() == [True, True, False]
    assert available_channels(table) == ("php_heap",)


def test_selecting_rows_keeps_every_column_in_step() -> None:
    table = window_table(record(APP, [*blocks(APP, 3), *mix(APP, 2)]))
    part = table.select(table.mix)
    assert len(part) == 2
    assert {len(values) for values in (*part.growth.values(), *part.counts.values(), part.requests, part.broken)} == {2}
    assert part.endpoints == table.endpoints


def test_open_files_are_counted_from_outside() -> None:
    table = window_table(record(APP, blocks(APP, 2), Machine(files={"leak": 1})))
    assert table.counts["open_fds"].tolist() == table.requests[:, 1].tolist()
    assert np.isnan(table.counts["timers"]).all()


def test_a_mark_is_not_needed() -> None:
    marked = Sample(elapsed_s=1, requests=(5,), failures=(0,), window=WindowMark(index=0, block=0, kind="warmup"))
    plain = recording((process(1, 1),), (process(1, 2),))
    more = plain.model_copy(update={"samples": (*plain.samples, marked)})
    assert len(window_table(more)) == 1


def test_a_window_with_a_heap_that_was_read_at_one_end_only_is_broken() -> None:
    whole = record({"a": clean}, blocks({"a": clean}, 4))
    last = whole.samples[-1]
    blind = last.processes[0].model_copy(update={"php": None})
    changed = last.model_copy(update={"processes": (blind, *last.processes[1:])})
    table = window_table(whole.model_copy(update={"samples": (*whole.samples[:-1], changed)}))
    assert list(table.broken) == [False] * (len(table) - 1) + [True]
