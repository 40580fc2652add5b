"""The PHP heaps of running processes, read from outside through `/proc/PID/mem`: nothing injected, byte for byte.

Needs Linux and the right to trace: root or CAP_SYS_PTRACE, or a process of the same user (under Yama's ptrace_scope 1 a
descendant). Reading stops nothing in the process. Where the heap is and what is checked: `zend_mm`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from harness.closing import Closing
from harness.sample.proc_memory import (
    HeapRefused,
    NoHeap,
    ProcMemory,
    TaskCount,
    TaskState,
    borrows_memory,
    life,
    read_proc,
)
from harness.sample.zend_mm import (
    HEAP_SLOT,
    CustomHandlers,
    Heap,
    HeapReading,
    Moved,
    chunk_addresses,
    read_heap,
    recognise,
    total,
)

__all__ = [
    "HeapReader",
    "HeapReading",
    "HeapRefused",
    "NoHeap",
    "ProcessHeaps",
    "find_heaps",
    "total_of",
]

CHUNKS_SCANNED = 128 * 1024
FIRST_RETRY_S = 0.004
LAST_RETRY_S = 0.25
SCAN_SHARE = 0.01


class ProcessHeaps:
    """The heaps of one process, found once. `read` costs microseconds; `close` gives back the descriptors."""

    def __init__(
        self,
        pid: int,
        started_s: float,
        memory: ProcMemory,
        tasks: TaskCount,
        task_state: TaskState,
        heaps: tuple[Heap, ...],
    ) -> None:
        self.pid = pid
        self.started_s = started_s
        self.heaps = heaps
        self._memory = memory
        self._tasks = tasks
        self._task_state = task_state

    def read(self) -> HeapReading:
        """The sum over the heaps. Raises `Moved` where to find them again, `HeapRefused` where they don't count."""
        try:
            readings = [read_heap(self._memory, heap) for heap in self.heaps]
        except CustomHandlers:
            raise HeapRefused(
                f"process {self.pid}: an extension replaced PHP's allocator, so its heap doesn't count",
                hint="switch off profilers and debuggers that hook the allocator",
            ) from None
        if self._tasks.state() != self._task_state:
            raise Moved
        return readings[0] if len(readings) == 1 else total(readings)

    def close(self) -> None:
        self._memory.close()
        self._tasks.close()


def find_heaps(pid: int) -> ProcessHeaps:
    """Finds every PHP heap of a process. Raises `HeapRefused` with the reason, `NoHeap` where there is none."""
    with contextlib.ExitStack() as undo:
        before = life(pid)
        memory = ProcMemory(pid)
        undo.callback(memory.close)
        tasks = TaskCount(pid)
        undo.callback(tasks.close)
        task_state = tasks.state()
        heaps = _scan(pid, memory)
        if life(pid) != before or borrows_memory(before) or tasks.state() != task_state:
            raise HeapRefused(f"process {pid} is just being started")
        undo.pop_all()
    return ProcessHeaps(pid, before.started_s, memory, tasks, task_state, heaps)


class HeapReader(Closing):
    """The heaps of many processes, found when first asked for and again after an exec or with a reused pid.

    `refusals` tells of the last `read` why a process has no reading; `absent` are those of them that run no PHP.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.refusals: dict[int, str] = {}
        self.absent: set[int] = set()
        self._clock = clock
        self._found: dict[int, ProcessHeaps] = {}
        self._waiting: dict[int, _Waiting] = {}

    def read(self, pids: Iterable[int]) -> dict[int, HeapReading | None]:
        """One reading a process, a few µs each once found; None with a reason in `refusals`."""
        self.refusals.clear()
        self.absent.clear()
        return {pid: self._read_one(pid) for pid in pids}

    def total(self, pids: Iterable[int]) -> HeapReading | None:
        """The sum over those that run PHP; None if one of them couldn't be read."""
        return total_of(self.read(pids), self.absent)

    def started_s(self, pid: int) -> float | None:
        """When the process of the last reading started, in seconds of the host's uptime; None without a reading."""
        found = self._found.get(pid)
        return found.started_s if found else None

    def forget(self, pid: int) -> None:
        self._waiting.pop(pid, None)
        if found := self._found.pop(pid, None):
            found.close()

    def close(self) -> None:
        for pid in [*self._found, *self._waiting]:
            self.forget(pid)

    def _read_one(self, pid: int) -> HeapReading | None:
        try:
            return self._read_found(pid) if pid in self._found else self._find(pid).read()
        except Moved:
            self.refusals[pid] = f"process {pid}: its heap changed faster than it could be read"
        except HeapRefused as refused:
            self.refusals[pid] = f"{refused.message}; {refused.hint}" if refused.hint else refused.message
            if isinstance(refused, NoHeap):
                self.absent.add(pid)
        return None

    def _read_found(self, pid: int) -> HeapReading:
        try:
            return self._found[pid].read()
        except Moved:
            self.forget(pid)
            return self._find(pid).read()

    def _find(self, pid: int) -> ProcessHeaps:
        waiting = self._waiting.get(pid)
        if waiting and self._clock() < waiting.until:
            raise waiting.refused.with_traceback(None)
        self._drop_ended()
        began = self._clock()
        try:
            self._found[pid] = find_heaps(pid)
        except HeapRefused as refused:
            self._waiting[pid] = _Waiting.after(refused, waiting, began, self._clock())
            raise
        self._waiting.pop(pid, None)
        return self._found[pid]

    def _drop_ended(self) -> None:
        for pid in [pid for pid in (*self._found, *self._waiting) if not Path(f"/proc/{pid}").exists()]:
            self.forget(pid)


def total_of(readings: Mapping[int, HeapReading | None], absent: Collection[int]) -> HeapReading | None:
    """The sum over the readings; None if one is missing that isn't `absent`."""
    if any(reading is None and pid not in absent for pid, reading in readings.items()):
        return None
    return total(reading for reading in readings.values() if reading is not None)


class _Waiting(NamedTuple):
    """A refusal that stands until it's worth another look: later each time, and rarer the longer a look takes."""

    refused: HeapRefused
    until: float
    delay_s: float

    @classmethod
    def after(cls, refused: HeapRefused, last: _Waiting | None, began: float, ended: float) -> _Waiting:
        delay_s = min(last.delay_s * 2, LAST_RETRY_S) if last else FIRST_RETRY_S
        return cls(refused, ended + max(delay_s, (ended - began) / SCAN_SHARE), delay_s)


def _scan(pid: int, memory: ProcMemory) -> tuple[Heap, ...]:
    mapped = list(_limited(pid, chunk_addresses(read_proc(pid, "maps").decode(errors="replace"))))
    addresses = memory.touched(mapped)
    words = memory.words(addresses)
    candidates = [address for address, word in zip(addresses, words, strict=True) if word == address + HEAP_SLOT]
    heaps = tuple(heap for heap in (recognise(memory, address) for address in candidates) if heap)
    if heaps:
        return heaps
    if candidates:
        raise HeapRefused(
            f"process {pid} has what begins like a PHP heap, but in no layout that is known",
            hint="PHP 7.4 to 8.6 on 64 bit are known; report the version if it is one of them",
        )
    raise _no_heap(pid)


def _limited(pid: int, addresses: Iterator[int]) -> Iterator[int]:
    for count, address in enumerate(addresses):
        if count >= CHUNKS_SCANNED:
            raise HeapRefused(f"process {pid} maps over {CHUNKS_SCANNED // 512} GiB, too much to look for a heap in")
        yield address


def _no_heap(pid: int) -> HeapRefused:
    variables = dict(entry.partition(b"=")[::2] for entry in read_proc(pid, "environ").split(b"\0"))
    if variables.get(b"USE_ZEND_ALLOC", b"1").strip() == b"0":
        return HeapRefused(
            f"process {pid} runs without PHP's allocator (USE_ZEND_ALLOC=0)", hint="unset it to have the heap counted"
        )
    return NoHeap(f"process {pid} has no PHP heap: it runs another program, or is still starting")
