"""Settled readings of a running target: its container's charge, its processes, their PHP heaps."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from typing import NamedTuple

from harness.closing import Closing
from harness.errors import SampleError
from harness.model.samples import CgroupReading, PhpReading, ProcessReading
from harness.model.verdict import Channel
from harness.sample.charge import CgroupSource
from harness.sample.collector import CollectorReader, CollectorReading
from harness.sample.heaps import Heaps
from harness.sample.processes import ProcessTable
from harness.sample.zend_mm import HeapReading

_HEAP_PAUSES_S = (0.0005, 0.001, 0.002)
_SLOW_PAUSES_S = (0.005, 0.01, 0.02)
_BLIND_WAIT_S = 0.05
_LONG_AGREEMENT_S = 0.1


class Reading(NamedTuple):
    """What the target holds now. `cgroup` is None for local processes: they share theirs with everything else.

    `oom_kills` counts since the container's start; None where nothing tells it.
    """

    cgroup: CgroupReading | None
    processes: tuple[ProcessReading, ...]
    oom_kills: int | None


class Sampler(Closing):
    """Reads one target. A channel that is lost becomes a note; only the loss of all is a SampleError.

    `notes` are by what they are about, for there is one about each.
    """

    def __init__(
        self,
        *,
        cgroup: CgroupSource | None,
        table: ProcessTable | None,
        heaps: Heaps | None,
        notes: Mapping[str, str],
        collectors: CollectorReader | None = None,
    ) -> None:
        self._cgroup = cgroup
        self._table = table
        self._heaps = heaps
        self._collectors = collectors
        self._notes = dict(notes)
        self._channels: tuple[Channel, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Which channel could not be had or was lost, why, and what would allow it."""
        return tuple(self._notes.values())

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What the last reading held, best first."""
        return self._channels

    def settle(self, timeout_s: float) -> bool:
        """Waits until two readings in a row agree; False: the target still moved after `timeout_s`.

        What has to agree are the heaps of all processes, 0.5-2 ms apart, with no process about to run; where one
        always runs, for `_LONG_AGREEMENT_S`. Without heaps it is the page faults and RSS, else the container's memory,
        5-20 ms apart. With Docker's stats alone it is a fixed wait.
        """
        began_s = changed_s = time.monotonic()
        pids = self._pids()
        last = self._state(pids)
        if last is None:
            time.sleep(min(_BLIND_WAIT_S, timeout_s))
            return True
        pauses_s = _HEAP_PAUSES_S if self._heaps else _SLOW_PAUSES_S
        for pause_s in itertools.chain(pauses_s, itertools.repeat(pauses_s[-1])):
            time.sleep(pause_s)
            now, now_s = self._state(pids), time.monotonic()
            if now != last:
                last, changed_s = now, now_s
            elif now_s - changed_s >= _LONG_AGREEMENT_S or not self._is_any_running(pids):
                return True
            if now_s - began_s >= timeout_s:
                break
        return False

    def heap_bytes(self) -> dict[int, int]:
        """The heap of every process that runs PHP, by pid; 3 µs a process, as the screening needs it."""
        return {pid: heap.heap_bytes for pid, heap in self._heap_readings(self._pids()).items()}

    def collector_roots(self) -> int | None:
        """The possible roots that wait for the cycle collectors of all PHP processes; None where one isn't known."""
        if self._collectors is None:
            return None
        readings = self._collectors.read(self._heap_readings(self._pids())).values()
        return sum(reading.roots for reading in readings if reading) if readings and all(readings) else None

    def read(self, *, exact: bool = False) -> Reading:
        """Everything that can be had now, with `exact` also what costs much: the processes' private memory.

        SampleError: nothing of the target can be read any more.
        """
        pids = self._pids()
        php = self._php(pids)
        cgroup, oom_kills = self._charge()
        processes = self._table.read(pids, php, exact=exact) if self._table else self._heaps_alone(php)
        self._channels = _channels(cgroup, processes)
        if not self._channels:
            raise SampleError(
                "nothing of the target's memory can be read: " + ("; ".join(self.notes) or "it has no process left"),
                hint="see the target's log; did it end?",
            )
        return Reading(cgroup, processes, oom_kills)

    def close(self) -> None:
        for part in (self._cgroup, self._heaps, self._collectors):
            if part is not None:
                part.close()

    def _state(self, pids: tuple[int, ...]) -> object:
        """What stands still once the target has settled; None where nothing tells it quickly."""
        heaps = self._heap_readings(pids)
        if heaps:
            return heaps
        if self._table is not None:
            return self._table.activity(pids)
        return self._charge()[0] if self._cgroup is not None and self._cgroup.kind != "stats" else None

    def _is_any_running(self, pids: tuple[int, ...]) -> bool:
        return self._table is not None and self._table.is_any_running(pids)

    def _pids(self) -> tuple[int, ...]:
        try:
            return self._table.pids() if self._table else ()
        except SampleError:
            return ()

    def _heap_readings(self, pids: tuple[int, ...]) -> dict[int, HeapReading]:
        if self._heaps is None:
            return {}
        try:
            readings = self._heaps.read(pids)
        except SampleError as error:
            self._notes["heap"] = f"the PHP heaps can't be read any more: {error.message}"
            return {}
        refused = [reason for pid, reason in self._heaps.refusals.items() if pid not in self._heaps.absent]
        if refused:
            self._notes.setdefault("heap", f"not every PHP heap is in every sample: {refused[0]}")
        return {pid: heap for pid, heap in readings.items() if heap is not None}

    def _php(self, pids: tuple[int, ...]) -> dict[int, PhpReading]:
        heaps = self._heap_readings(pids)
        collectors = self._collectors.read(heaps) if self._collectors else {}
        return {pid: _php(heap, collectors.get(pid)) for pid, heap in heaps.items()}

    def _heaps_alone(self, php: Mapping[int, PhpReading]) -> tuple[ProcessReading, ...]:
        """Of processes that this host doesn't see; the pids are the container's."""
        if self._heaps is None:
            return ()
        return tuple(
            ProcessReading(pid=pid, started_s=self._heaps.started_s(pid), php=reading)
            for pid, reading in sorted(php.items())
        )

    def _charge(self) -> tuple[CgroupReading | None, int | None]:
        if self._cgroup is None:
            return None, None
        try:
            return self._cgroup.read(), self._cgroup.oom_kills()
        except SampleError as error:
            self._notes["cgroup"] = f"the container's memory can't be read any more: {error.message}"
            return None, None


def _php(heap: HeapReading, collector: CollectorReading | None) -> PhpReading:
    return PhpReading(
        heap_bytes=heap.heap_bytes,
        heap_peak_bytes=heap.peak_bytes,
        heap_reserved_bytes=heap.reserved_bytes,
        gc_runs=collector.runs if collector else None,
        gc_roots=collector.roots if collector else None,
    )


def _channels(cgroup: CgroupReading | None, processes: tuple[ProcessReading, ...]) -> tuple[Channel, ...]:
    had: dict[Channel, bool] = {
        "php_heap": any(process.php for process in processes),
        "anon": cgroup is not None,
        "private_dirty": any(process.private_dirty_bytes is not None for process in processes),
        "rss": any(process.rss_bytes is not None for process in processes),
    }
    return tuple(channel for channel, is_had in had.items() if is_had)
