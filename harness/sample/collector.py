"""PHP's cycle collector, read from outside: how often it ran, what it freed, how many roots wait for it.

Its state is a static structure of the PHP binary (`zend_gc_globals` in Zend/zend_gc.c of PHP 7.3 and later), in the
writable data of a mapped file or the zeroed memory right behind it. It begins so (64 bit, one a process in NTS builds):

    0   buf           points to the buffer of possible roots
    8   gc_enabled, gc_active, gc_protected, gc_full (8 bit each)
    12  unused, first_unused, gc_threshold, buf_size, num_roots, gc_runs, collected (32 bit each)

No symbol is needed: the buffer has 16,384 slots times a power of two, the threshold is a multiple of 10,000 or
one more, and exactly one place in a process fits all the rest as well. Where none fits, or several, nothing is told.
The numbers are those of `gc_status()`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.closing import Closing
from harness.sample.proc_memory import HeapRefused, ProcMemory, life, read_proc

SLOTS = 16_384
MOST_SLOTS = 0x40000000
THRESHOLD_STEP = 10_000
STATE = struct.Struct("<Q4B7I")
LARGEST_REGION_BYTES = 16 * 1024 * 1024

_LINE = re.compile(rb"(\w+)-(\w+) (\S{4}) (\w+) (\S+) (\d+) *(.*)")


class CollectorReading(NamedTuple):
    """As `gc_status()` says it. Garbage always has at least one of its parts among the `roots`."""

    runs: int
    collected: int
    threshold: int
    roots: int


class Region(NamedTuple):
    """A writable private mapping; `of_file`: data of a mapped file, or the zeroed memory behind it."""

    start: int
    end: int
    of_file: bool


class CollectorReader(Closing):
    """The collectors of many processes, each found once and read in a few µs; None where it can't be told."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[ProcMemory, int]] = {}
        self._absent: dict[int, float] = {}

    def read(self, pids: Iterable[int]) -> dict[int, CollectorReading | None]:
        return {pid: self._read_one(pid) for pid in pids}

    def close(self) -> None:
        for memory, _ in self._found.values():
            memory.close()
        self._found.clear()

    def _read_one(self, pid: int) -> CollectorReading | None:
        """The memory of a process that ended or ran another program reads as empty, so it needs no other check."""
        if found := self._found.get(pid):
            memory, address = found
            if reading := decode(memory.read(address, STATE.size)):
                return reading
            del self._found[pid]
            memory.close()
        try:
            return self._find(pid)
        except HeapRefused:
            return None

    def _find(self, pid: int) -> CollectorReading | None:
        started_s = life(pid).started_s
        if self._absent.get(pid) == started_s:
            return None
        memory = ProcMemory(pid)
        address = find_collector(memory, list(regions(read_proc(pid, "maps"))))
        if address is None:
            memory.close()
            self._absent[pid] = started_s
            return None
        self._found[pid] = (memory, address)
        return decode(memory.read(address, STATE.size))


def regions(maps: bytes) -> Iterator[Region]:
    """The writable private mappings of `/proc/PID/maps`."""
    behind_file = 0
    for match in map(_LINE.fullmatch, maps.splitlines()):
        if match is None:
            continue
        start, end, path = int(match[1], 16), int(match[2], 16), match[7]
        of_file = path.startswith(b"/") or (not path and start == behind_file)
        behind_file = end if path.startswith(b"/") else 0
        if match[3] == b"rw-p":
            yield Region(start, end, of_file)


def find_collector(memory: ProcMemory, writable: list[Region]) -> int | None:
    """The address of the one structure that fits; None where none does, or more than one."""
    found = [
        address
        for region in writable
        if region.of_file and region.end - region.start <= LARGEST_REGION_BYTES
        for address in _fitting(memory.read(region.start, region.end - region.start), region.start)
        if _has_buffer(memory, address, writable)
    ]
    return found[0] if len(found) == 1 else None


def decode(state: bytes) -> CollectorReading | None:
    """The reading, if every field fits every other one."""
    if len(state) < STATE.size:
        return None
    buffer, enabled, active, protected, full, unused, first_unused, threshold, slots, roots, runs, collected = (
        STATE.unpack_from(state)
    )
    flags = max(enabled, active, protected, full) <= 1
    sized = SLOTS <= slots <= MOST_SLOTS and slots & (slots - 1) == 0 and threshold % THRESHOLD_STEP <= 1
    ordered = roots < max(first_unused, 1) <= slots and unused < slots * 2 and 1 < threshold <= slots * 2
    if not (buffer and buffer % 8 == 0 and flags and sized and ordered):
        return None
    return CollectorReading(runs, collected, threshold, roots)


def _fitting(data: bytes, start: int) -> Iterator[int]:
    words: NDArray[np.uint32] = np.frombuffer(data[: len(data) // 4 * 4], dtype="<u4")
    if len(words) < STATE.size // 4:
        return
    threshold, slots = words[5 : len(words) - 4], words[6 : len(words) - 3]
    likely = (threshold % THRESHOLD_STEP <= 1) & (threshold > 1) & (slots % SLOTS == 0) & (slots > 0)
    for index in np.flatnonzero(likely[::2]) * 2:
        offset = int(index) * 4
        if decode(data[offset : offset + STATE.size]):
            yield start + offset


def _has_buffer(memory: ProcMemory, address: int, writable: list[Region]) -> bool:
    """Whether the buffer that the structure points to is memory that the process may write."""
    buffer, *_, slots, _roots, _runs, _collected = STATE.unpack(memory.read(address, STATE.size))
    return any(region.start <= buffer and buffer + 8 * slots <= region.end for region in writable)
