"""Settled readings of a running target: its container's charge, its processes, their PHP heaps."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from harness.errors import SampleError
from harness.model.samples import CgroupReading, PhpReading, ProcessReading
from harness.model.verdict import Channel
from harness.sample.charge import CgroupSource
from harness.sample.processes import ProcessTable
from harness.sample.zend_mm import HeapReading

_HEAP_PAUSES_S = (0.0005, 0.001, 0.002)
_SLOW_PAUSES_S = (0.005, 0.01, 0.02)
_BLIND_WAIT_S = 0.05


class Heaps(Protocol):
    """Where PHP heaps are read; `refusals` tells why the last `read` has none for a process.

    `absent` are those of them that run no PHP.
    """

    refusals: dict[int, str]
    absent: set[int]

    def read(self, pids: Iterable[int]) -> Mapping[int, HeapReading | None]: ...

    def close(self) -> None: ...


class Reading(NamedTuple):
    """What the target holds now. `cgroup` is None for local processes: they share theirs with everything else.

    `oom_kills` counts since the container's start; None where nothing tells it.
    """

    cgroup: CgroupReading | None
    processes: tuple[ProcessReading, ...]
    oom_kills: int | None


class Sampler:
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
    ) -> None:
        self._cgroup = cgroup
        self._table = table
        self._heaps = heaps
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

        What has to agree are the heaps of all processes, 0.5-2 ms apart; where there are none their page faults and
        RSS, else the container's anonymous memory, 5-20 ms apart. With Docker's stats alone it is a fixed wait.
        """
        deadline_s = time.monotonic() + timeout_s
        last = self._state()
        if last is None:
            time.sleep(min(_BLIND_WAIT_S, timeout_s))
            return True
        pauses_s = _HEAP_PAUSES_S if self._heaps else _SLOW_PAUSES_S
        for pause_s in itertools.chain(pauses_s, itertools.repeat(pauses_s[-1])):
            time.sleep(pause_s)
            now = self._state()
            if now == last:
                return True
            if time.monotonic() >= deadline_s:
                return False
            last = now
        raise AssertionError("the pauses never end")
