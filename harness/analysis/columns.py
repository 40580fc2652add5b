"""Samples by column: their numbers are read out once, so that a look at a growing recording costs only what is new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis.events import births_and_deaths
from harness.model.samples import Event, PhpReading, Recording, SampleLike, WindowKind

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.int64]

# What is read of a process from outside of PHP, and inside: a row of `Columns.values` each, in this order.
OUTSIDE = ("rss_bytes", "private_dirty_bytes", "open_fds")
INSIDE = ("heap_bytes", "gc_freed_bytes", "coroutines", "timers", "resources", "gc_roots", "gc_runs")
VALUES = (*OUTSIDE, *INSIDE)
KINDS: tuple[WindowKind | None, ...] = (None, "warmup", "load", "idle", "mix", "soak", "group")

# So many samples at a time: their objects stay in the processor's cache while they are gone through several times.
CHUNK = 256
FIRST_ROOM = 1024
# Of a sample that ends no window of a schedule.
NO_BLOCK = -1

_PLACE_OF_KIND = {kind: place for place, kind in enumerate(KINDS)}
_WHO = attrgetter("pid", "started_s")
_OF_PROCESS = attrgetter(*OUTSIDE)
_OF_PHP = attrgetter(*INSIDE)
_NOTHING: dict[str, Any] = dict.fromkeys(INSIDE)
_NO_PHP = PhpReading.model_construct(None, **_NOTHING)


class Columns:
    """All samples taken so far, of `endpoints` endpoints.

    By sample (n,): `elapsed_s`, `requests` (p, n) cumulative, `anon_bytes` (NaN where not read), `kind` (its place in
    `KINDS`), `load_s`, `alive` (number of processes), `block` of the schedule (`NO_BLOCK` without). By process of a
    sample (m,), in the samples' order: `process` (a number for each pid and start), `values` (len(VALUES), m), NaN
    where not read. `told` (len(VALUES),): what was read at all. `events` in order of time.
    """

    def __init__(self, endpoints: int) -> None:
        self.last: SampleLike | None = None
        self._numbers: dict[tuple[int, float | None], int] = {}
        self._events: list[Event] = []
        self._times = _Growing(3)
        self._marks = _Growing(3, np.int64)
        self._requests = _Growing(endpoints)
        self._process = _Growing(1, np.int64)
        self._values = _Growing(len(VALUES))
        self.told = np.zeros(len(VALUES), dtype=bool)

    def __len__(self) -> int:
        return self._times.used

    def extend(self, samples: Sequence[SampleLike]) -> None:
        """Takes further samples, later than those taken before."""
        for start in range(0, len(samples), CHUNK):
            self._take(samples[start : start + CHUNK])

    def _take(self, samples: Sequence[SampleLike]) -> None:
        alive = [len(sample.processes) for sample in samples]
        processes = [process for sample in samples for process in sample.processes]
        numbers = self._numbers
        who = [numbers.setdefault(key, len(numbers)) for key in map(_WHO, processes)]
        self._note_events(samples, alive, who)
        windows = [sample.window for sample in samples]
        cgroups = [sample.cgroup for sample in samples]
        self._times.append(
            [
                [sample.elapsed_s for sample in samples],
                [cgroup.anon_bytes if cgroup else None for cgroup in cgroups],
                [window.load_s if window else 0.0 for window in windows],
            ]
        )
        kinds = [_PLACE_OF_KIND[window.kind if window else None] for window in windows]
        self._marks.append([kinds, alive, [window.block if window else NO_BLOCK for window in windows]])
        requests = np.array(list(chain.from_iterable(sample.requests for sample in samples)), dtype=float)
        self._requests.append(requests.reshape(len(samples), -1).T)
        self._process.append([who])
        values = np.full((len(VALUES), len(processes)), np.nan)
        _fill(values[: len(OUTSIDE)], map(_OF_PROCESS, processes))
        _fill(values[len(OUTSIDE) :], [_OF_PHP(process.php or _NO_PHP) for process in processes])
        self._values.append(values)
        self.told |= np.isfinite(values).any(axis=1)
        self.last = samples[-1]

    def _note_events(self, samples: Sequence[SampleLike], alive: list[int], who: list[int]) -> None:
        before, told, at = self.last, self._who_was_last(), 0
        for sample, count in zip(samples, alive, strict=True):
            now = who[at : at + count]
            at += count
            if sample.events:
                self._events.extend(sample.events)
            if before is not None and now != told:
                self._events.extend(births_and_deaths(before, sample))
            before, told = sample, now

    def _who_was_last(self) -> list[int]:
        alive = int(self.alive[-1]) if len(self) else 0
        return list(map(int, self.process[len(self.process) - alive :]))

    @property
    def events(self) -> tuple[Event, ...]:
        return tuple(sorted(self._events, key=lambda event: event.elapsed_s))

    @property
    def elapsed_s(self) -> Floats:
        return np.asarray(self._times.rows[0])

    @property
    def anon_bytes(self) -> Floats:
        return np.asarray(self._times.rows[1])

    @property
    def load_s(self) -> Floats:
        return np.asarray(self._times.rows[2])

    @property
    def kind(self) -> Indices:
        return np.asarray(self._marks.rows[0])

    @property
    def alive(self) -> Indices:
        return np.asarray(self._marks.rows[1])

    @property
    def block(self) -> Indices:
        return np.asarray(self._marks.rows[2])

    @property
    def requests(self) -> Floats:
        return self._requests.rows

    @property
    def process(self) -> Indices:
        return np.asarray(self._process.rows[0])

    @property
    def values(self) -> Floats:
        return self._values.rows


def columns_of(recording: Recording) -> Columns:
    columns = Columns(len(recording.header.endpoints))
    columns.extend(recording.samples)
    return columns


class _Growing:
    """Rows of numbers that only ever get longer, in constant time a number on the average."""

    def __init__(self, width: int, kind: type[np.generic] = np.float64) -> None:
        self.width, self.used = width, 0
        self._room: NDArray[Any] = np.empty((width, FIRST_ROOM), dtype=kind)

    def append(self, more: Any) -> None:
        values = np.asarray(more, dtype=self._room.dtype)
        needed = self.used + values.shape[1]
        if needed > self._room.shape[1]:
            room = np.empty((self.width, max(needed, 2 * self._room.shape[1])), dtype=self._room.dtype)
            room[:, : self.used] = self.rows
            self._room = room
        self._room[:, self.used : needed] = values
        self.used = needed

    @property
    def rows(self) -> NDArray[Any]:
        return self._room[:, : self.used]


def _fill(values: Floats, rows: Iterable[tuple[int | None, ...]]) -> None:
    """Rows of numbers into columns (width, n) of NaN; what no row has, which is much, isn't converted."""
    for row, column in zip(values, zip(*rows, strict=True), strict=False):
        if column[0] is not None or column.count(None) < len(column):
            row[:] = column
