"""From cumulative samples to a table of windows: differences of everything, with the windows that broke marked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.analysis.columns import KINDS, VALUES, Columns, Indices, columns_of
from harness.analysis.columns import Bools as Bools
from harness.analysis.columns import Floats as Floats
from harness.model.samples import Recording
from harness.model.verdict import Channel

TRUNCATED = "the recording ends in the middle of a line; what came before it was analysed"
COUNTED = ("open_fds", "coroutines", "timers", "resources")
COLLECTOR = ("gc_roots", "gc_runs")

_CHANNELS: dict[Channel, str] = {
    "php_heap": "heap_bytes",
    "anon": "anon_bytes",
    "private_dirty": "private_dirty_bytes",
    "rss": "rss_bytes",
}


@dataclass(frozen=True, slots=True)
class WindowTable:
    """n windows of p endpoints.

    `requests` (n, p) counts; `duration_s` (n,), of which `load_s` (n,) under load; `growth[channel]` (n,) bytes, NaN
    where the channel says nothing; `freed` (n,) bytes that the forced collection at the window's end gave back, and
    `uncollected` (n,) growth of the heaps in which none was forced, NaN where none was in any; `counts[name]` (n,)
    changes of a number of things, of the collector's in those same heaps; `broken` (n,) a process that runs PHP was
    born or died in the window, `disturbed` (n,) any process was; `mix` (n,) the realistic mix at the end of a run and
    `group` (n,) several endpoints at once, which no endpoint is fitted on. `number` (n,) counts the recording's
    windows, so that neighbours are known once rows were left out, and `block` (n,) the schedule's blocks, `NO_BLOCK`
    where it has none.
    """

    endpoints: tuple[str, ...]
    requests: Floats
    duration_s: Floats
    load_s: Floats
    growth: dict[Channel, Floats]
    freed: Floats
    uncollected: Floats
    counts: dict[str, Floats]
    broken: Bools
    disturbed: Bools
    mix: Bools
    group: Bools
    number: Indices
    block: Indices

    def __len__(self) -> int:
        return len(self.duration_s)

    def select(self, rows: Bools) -> WindowTable:
        if rows.all():
            return self
        return WindowTable(
            endpoints=self.endpoints,
            requests=self.requests[rows],
            duration_s=self.duration_s[rows],
            load_s=self.load_s[rows],
            growth={channel: values[rows] for channel, values in self.growth.items()},
            freed=self.freed[rows],
            uncollected=self.uncollected[rows],
            counts={name: values[rows] for name, values in self.counts.items()},
            broken=self.broken[rows],
            disturbed=self.disturbed[rows],
            mix=self.mix[rows],
            group=self.group[rows],
            number=self.number[rows],
            block=self.block[rows],
        )


def window_table(recording: Recording) -> WindowTable:
    """Consecutive samples differenced; windows of the warm-up are left out."""
    return table_of(columns_of(recording), recording.header.endpoints)


def table_of(columns: Columns, endpoints: tuple[str, ...]) -> WindowTable:
    """The same of samples by column."""
    warm = columns.kind[1:] != KINDS.index("warmup")
    kept = slice(None) if warm.all() else warm
    both = _lived_on(columns)
    forced = np.isfinite(columns.values[VALUES.index("gc_freed_bytes")])
    left = both.of(~forced[both.after]) if forced.any() else both
    changes = {
        name: _summed(columns, left if name in COLLECTOR else both, row)[kept]
        for row, name in enumerate(VALUES)
        if name != "gc_freed_bytes"
    }
    changes["anon_bytes"] = np.diff(columns.anon_bytes)[kept]
    disturbed = _changed(columns, both, np.ones(len(columns.process), dtype=bool))[kept]
    heaps = np.isfinite(columns.values[VALUES.index("heap_bytes")])
    return WindowTable(
        endpoints=endpoints,
        requests=np.diff(columns.requests, axis=1)[:, kept].T,
        duration_s=np.diff(columns.elapsed_s)[kept],
        load_s=columns.load_s[1:][kept],
        growth={channel: changes[name] for channel, name in _CHANNELS.items()},
        freed=_freed(columns)[1:][kept],
        uncollected=_uncollected(columns, both, forced)[kept],
        counts={name: changes[name] for name in (*COUNTED, *COLLECTOR)},
        broken=_changed(columns, both, heaps)[kept] if heaps.any() else disturbed,
        disturbed=disturbed,
        mix=(columns.kind[1:] == KINDS.index("mix"))[kept],
        group=(columns.kind[1:] == KINDS.index("group"))[kept],
        number=np.flatnonzero(warm),
        block=columns.block[1:][kept],
    )


@dataclass(frozen=True, slots=True)
class _Both:
    """The readings at both ends of a window of the processes that lived through it; `window` is the place of it."""

    before: Indices
    after: Indices
    window: Indices

    def of(self, some: Bools) -> _Both:
        return _Both(self.before[some], self.after[some], self.window[some])


def _lived_on(columns: Columns) -> _Both:
    """Processes mostly stand in the next sample where they stood in the last; the others are sorted for."""
    alive, process = columns.alive, columns.process
    sample = np.repeat(np.arange(len(alive)), alive)
    before = np.flatnonzero(sample < len(alive) - 1)
    after = np.minimum(before + alive[sample[before]], len(process) - 1)
    same = (process[after] == process[before]) & (sample[after] == sample[before] + 1)
    found = np.bincount(sample[before[same]], minlength=max(0, len(alive) - 1))
    unsure = found < np.minimum(alive[:-1], alive[1:])
    if not unsure.any():
        return _Both(before[same], after[same], sample[before[same]])
    sure = same & ~unsure[sample[before]]
    near = np.flatnonzero(np.append(unsure, False)[sample] | np.insert(unsure, 0, False)[sample])
    ordered = near[np.argsort(process[near], kind="stable")]
    first, second = ordered[:-1], ordered[1:]
    again = (process[first] == process[second]) & (sample[second] == sample[first] + 1)
    again &= np.append(unsure, False)[sample[first]]
    firsts, seconds = np.concatenate([before[sure], first[again]]), np.concatenate([after[sure], second[again]])
    return _Both(firsts, seconds, sample[firsts])


def _summed(columns: Columns, both: _Both, row: int) -> Floats:
    """Changes (n - 1,) of a value, over the processes that have it at both ends; NaN where none has."""
    windows = max(0, len(columns) - 1)
    if not columns.told[row]:
        return np.full(windows, np.nan)
    values = columns.values[row]
    change = values[both.after] - values[both.before]
    known, window = np.isfinite(change), both.window
    if not known.all():
        change, window = change[known], window[known]
    total = np.bincount(window, weights=change, minlength=windows)
    return np.asarray(np.where(np.bincount(window, minlength=windows) > 0, total, np.nan))


def _changed(columns: Columns, both: _Both, of: Bools) -> Bools:
    """Windows (n - 1,) through which not all of the processes `of` (m,) lived, or were such at one end alone."""
    sample = np.repeat(np.arange(len(columns)), columns.alive)
    windows = max(0, len(columns) - 1)
    there = np.bincount(sample[of], minlength=len(columns))
    through = np.bincount(both.window[of[both.before] & of[both.after]], minlength=windows)
    return np.asarray((there[:-1] != through) | (there[1:] != through), dtype=bool)


def _freed(columns: Columns) -> Floats:
    """What forced collections freed before each sample (n,), over the processes that told."""
    row = VALUES.index("gc_freed_bytes")
    if not columns.told[row]:
        return np.full(len(columns), np.nan)
    told = columns.values[row]
    known = np.isfinite(told)
    sample = np.repeat(np.arange(len(columns)), columns.alive)[known]
    total = np.bincount(sample, weights=told[known], minlength=len(columns))
    return np.asarray(np.where(np.bincount(sample, minlength=len(columns)) > 0, total, np.nan))


def _uncollected(columns: Columns, both: _Both, forced: Bools) -> Floats:
    """Growth (n - 1,) of the heaps where no collection was forced at one end or at both; NaN where none ever was."""
    if not forced.any():
        return np.full(max(0, len(columns) - 1), np.nan)
    left = both.of(~(forced[both.before] & forced[both.after]))
    return np.nan_to_num(_summed(columns, left, VALUES.index("heap_bytes")))


def available_channels(table: WindowTable) -> tuple[Channel, ...]:
    """Channels that say something in every unbroken window, the preferred one first."""
    return tuple(channel for channel in table.growth if len(table) and _speaks(table, channel))


def undisturbed(table: WindowTable, channel: Channel) -> Bools:
    """Windows whose growth of `channel` is that of processes that lived through them.

    A process without a PHP heap (a health check, a shell) changes no heap, but the container's memory.
    """
    return np.asarray(~(table.broken if channel == "php_heap" else table.disturbed | table.broken))


def _speaks(table: WindowTable, channel: Channel) -> bool:
    whole = undisturbed(table, channel)
    return bool(np.all(np.isfinite(table.growth[channel][whole if whole.any() else slice(None)])))
