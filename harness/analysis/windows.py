"""From cumulative samples to a table of windows: differences of everything, with the windows that broke marked."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.model.samples import ProcessReading, Recording, Sample
from harness.model.verdict import Channel

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TRUNCATED = "the recording ends in the middle of a line; what came before it was analysed"
COUNTED = ("open_fds", "coroutines", "timers", "resources")
COLLECTOR = ("gc_roots", "gc_runs")

_ProcessValue = Callable[[ProcessReading], int | None]


@dataclass(frozen=True, slots=True)
class WindowTable:
    """n windows of p endpoints.

    `requests` (n, p) counts; `duration_s` (n,); `growth[channel]` (n,) bytes, NaN where the channel says nothing;
    `freed` (n,) bytes that the forced collection at the window's end gave back;
    `counts[name]` (n,) changes of a number of things; `broken` (n,) a process was born or died in the window;
    `mix` (n,) the realistic mix at the end of a run, which no endpoint is fitted on.
    """

    endpoints: tuple[str, ...]
    requests: Floats
    duration_s: Floats
    growth: dict[Channel, Floats]
    freed: Floats
    counts: dict[str, Floats]
    broken: Bools
    mix: Bools

    def __len__(self) -> int:
        return len(self.duration_s)

    def select(self, rows: Bools) -> WindowTable:
        return WindowTable(
            endpoints=self.endpoints,
            requests=self.requests[rows],
            duration_s=self.duration_s[rows],
            growth={channel: values[rows] for channel, values in self.growth.items()},
            freed=self.freed[rows],
            counts={name: values[rows] for name, values in self.counts.items()},
            broken=self.broken[rows],
            mix=self.mix[rows],
        )


def window_table(recording: Recording) -> WindowTable:
    """Consecutive samples differenced; windows of the warm-up are left out."""
    samples = recording.samples
    pairs = [
        (before, after)
        for before, after in itertools.pairwise(samples)
        if after.window is None or after.window.kind != "warmup"
    ]
    endpoints = recording.header.endpoints
    requests = np.array([_subtract(b.requests, a.requests) for a, b in pairs], dtype=float)
    return WindowTable(
        endpoints=endpoints,
        requests=requests.reshape(len(pairs), len(endpoints)),
        duration_s=np.array([b.elapsed_s - a.elapsed_s for a, b in pairs], dtype=float),
        growth={channel: _series(pairs, read) for channel, read in _CHANNELS.items()},
        freed=_series(pairs, _freed),
        counts={name: _series(pairs, read) for name, read in _COUNTS.items()},
        broken=np.array([_broke(a, b) for a, b in pairs], dtype=bool),
        mix=np.array([b.window is not None and b.window.kind == "mix" for _, b in pairs], dtype=bool),
    )


def available_channels(table: WindowTable) -> tuple[Channel, ...]:
    """Channels that say something in every unbroken window, the preferred one first."""
    whole = ~table.broken if np.any(~table.broken) else np.ones(len(table), dtype=bool)
    return tuple(c for c, values in table.growth.items() if len(values) and np.all(np.isfinite(values[whole])))


def solo_rows(table: WindowTable, endpoint: int, at_least: int) -> Bools:
    """Windows of the longest run of `endpoint` without company; none if shorter than `at_least` windows of load."""
    others = np.delete(table.requests, endpoint, axis=1).sum(axis=1) > 0
    best: range = range(0)
    start = 0
    for stop in [*np.flatnonzero(others), len(table)]:
        if stop - start > len(best):
            best = range(start, int(stop))
        start = int(stop) + 1
    rows = np.zeros(len(table), dtype=bool)
    rows[best.start : best.stop] = True
    loaded = rows & (table.requests[:, endpoint] > 0)
    return rows if loaded.sum() >= at_least else np.zeros(len(table), dtype=bool)


def _heap(process: ProcessReading) -> int | None:
    return process.php.heap_bytes if process.php else None


def _cgroup_anon(sample: Sample) -> int | None:
    return sample.cgroup.anon_bytes if sample.cgroup else None


def _summed(read: _ProcessValue) -> Callable[[Sample, Sample], float]:
    def difference(before: Sample, after: Sample) -> float:
        earlier = {p.key: value for p in before.processes if (value := read(p)) is not None}
        later = {p.key: value for p in after.processes if (value := read(p)) is not None}
        shared = earlier.keys() & later.keys()
        return float(sum(later[k] - earlier[k] for k in shared)) if shared else float("nan")

    return difference


def _anon(before: Sample, after: Sample) -> float:
    first, last = _cgroup_anon(before), _cgroup_anon(after)
    return float("nan") if first is None or last is None else float(last - first)


def _freed(_: Sample, after: Sample) -> float:
    told = [p.php.gc_freed_bytes for p in after.processes if p.php and p.php.gc_freed_bytes is not None]
    return float(sum(told)) if told else float("nan")


def _php_count(name: str) -> _ProcessValue:
    def read(process: ProcessReading) -> int | None:
        return getattr(process.php, name) if process.php else None

    return read


_CHANNELS: dict[Channel, Callable[[Sample, Sample], float]] = {
    "php_heap": _summed(_heap),
    "anon": _anon,
    "private_dirty": _summed(lambda p: p.private_dirty_bytes),
    "rss": _summed(lambda p: p.rss_bytes),
}
_COUNTS: dict[str, Callable[[Sample, Sample], float]] = {
    "open_fds": _summed(lambda p: p.open_fds),
    **{name: _summed(_php_count(name)) for name in (*COUNTED, *COLLECTOR) if name != "open_fds"},
}


def _series(pairs: Iterable[tuple[Sample, Sample]], read: Callable[[Sample, Sample], float]) -> Floats:
    return np.array([read(before, after) for before, after in pairs], dtype=float)


def _subtract(later: Sequence[int], earlier: Sequence[int]) -> list[int]:
    return [b - a for a, b in zip(earlier, later, strict=True)]


def _broke(before: Sample, after: Sample) -> bool:
    """A process was born or died, or its heap was read at only one end of the window."""
    return {(p.key, p.php is None) for p in before.processes} != {(p.key, p.php is None) for p in after.processes}
