"""The PHP heaps of running processes, read from outside through `/proc/PID/mem`: nothing injected, byte for byte.

Needs Linux and the right to trace: root or CAP_SYS_PTRACE, or a process of the same user (under Yama's ptrace_scope 1 a
descendant). Reading stops nothing in the process. Where the heap is and what is checked: `zend_mm`.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Self

from harness.errors import SampleError
from harness.sample.zend_mm import (
    PAGE_BYTES,
    CustomHandlers,
    Heap,
    HeapReading,
    Moved,
    chunk_addresses,
    points_into_itself,
    read_heap,
    recognise,
    total,
)

CHUNKS_SCANNED = 256 * 1024
FIRST_RETRY_S = 0.004
LAST_RETRY_S = 0.25
SCAN_SHARE = 0.01

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_FORKED_WITHOUT_EXEC = 0x40
_RIGHTS_HINT = (
    "run as root or with CAP_SYS_PTRACE, or as the process's own user (with kernel.yama.ptrace_scope = 1 only its"
    " descendants can be read); where none of it is possible, sample through a sidecar"
)


class HeapRefused(SampleError):
    """The heap of a process can't be read; the message says which and why."""


class NoHeap(HeapRefused):
    """The process has no PHP heap: it runs another program, is still starting, or has ended."""


class ProcessHeaps:
    """The heaps of one process, found once. `read` costs microseconds; `close` gives back the descriptors."""

    def __init__(self, pid: int, started_s: float, memory: _ProcMemory, heaps: tuple[Heap, ...]) -> None:
        self.pid = pid
        self.started_s = started_s
        self._memory = memory
        self._heaps = heaps
        self._tasks = os.open(f"/proc/{pid}/task", os.O_PATH | os.O_DIRECTORY)
        self._threads = self._thread_state()

    def read(self) -> HeapReading:
        """The sum over the heaps. Raises `Moved` when they must be found again, `HeapRefused` when they can't be read."""
        try:
            readings = [read_heap(self._memory, heap) for heap in self._heaps]
        except CustomHandlers:
            raise HeapRefused(
                f"process {self.pid}: an extension replaced PHP's allocator, so its heap doesn't count",
                hint="switch off profilers and debuggers that hook the allocator",
            ) from None
        if self._thread_state() != self._threads:
            raise Moved
        return readings[0] if len(readings) == 1 else total(readings)

    def close(self) -> None:
        self._memory.close()
        if self._tasks >= 0:
            os.close(self._tasks)
            self._tasks = -1

    def _thread_state(self) -> tuple[int, bytes]:
        """Changes whenever a thread may have brought a heap: another number of threads, or another size while many."""
        links = os.fstat(self._tasks).st_nlink
        return (links, b"") if links <= 3 else (links, _read_proc(self.pid, "statm").split(b" ", 1)[0])


def find_heaps(pid: int) -> ProcessHeaps:
    """Finds every PHP heap of a process. Raises `HeapRefused` with the reason, `NoHeap` where there is none."""
    before = _life(pid)
    memory = _ProcMemory(pid)
    with contextlib.ExitStack() as undo:
        undo.callback(memory.close)
        heaps = _scan(pid, memory)
        if not heaps:
            raise _no_heap(pid)
        if _life(pid) != before or _borrows_memory(before):
            raise HeapRefused(f"process {pid} is just being started")
        found = ProcessHeaps(pid, before.started_ticks / _TICKS_PER_S, memory, heaps)
        undo.pop_all()
    return found


class HeapReader:
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
        """One reading a process; None with a reason in `refusals`. 3 µs each, once found."""
        self.refusals.clear()
        self.absent.clear()
        return {pid: self._read_one(pid) for pid in pids}

    def total(self, pids: Iterable[int]) -> HeapReading | None:
        """The sum over those that run PHP; None if one of them couldn't be read."""
        readings = self.read(pids)
        return total_of(readings, self.absent)

    def started_s(self, pid: int) -> float | None:
        """When the process of the last reading started, in seconds of the host's uptime; None without a reading."""
        found = self._found.get(pid)
        return found.started_s if found else None

    def forget(self, pid: int) -> None:
        self._waiting.pop(pid, None)
        if found := self._found.pop(pid, None):
            found.close()

    def close(self) -> None:
        for pid in list(self._found):
            self.forget(pid)
        self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _read_one(self, pid: int) -> HeapReading | None:
        try:
            return self._find(pid).read() if pid not in self._found else self._read_found(pid)
        except Moved:
            self.refusals[pid] = f"process {pid}: its heap changed faster than it could be read"
        except HeapRefused as refused:
            self.refusals[pid] = refused.message + (f"; {refused.hint}" if refused.hint else "")
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
            raise waiting.refused
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
        for pid in [pid for pid in (*self._found, *self._waiting) if not os.path.exists(f"/proc/{pid}")]:  # noqa: PTH110
            self.forget(pid)


def total_of(readings: dict[int, HeapReading | None], absent: set[int]) -> HeapReading | None:
    """The sum over the readings; None if one is missing that isn't `absent`."""
    if any(reading is None and pid not in absent for pid, reading in readings.items()):
        return None
    return total(reading for reading in readings.values() if reading is not None)


class _Waiting(NamedTuple):
    """A refusal that stands until it's worth another look, later each time and rarer for what is dear to scan."""

    refused: HeapRefused
    until: float
    delay_s: float

    @classmethod
    def after(cls, refused: HeapRefused, last: _Waiting | None, began: float, ended: float) -> _Waiting:
        delay_s = min(last.delay_s * 2, LAST_RETRY_S) if last else FIRST_RETRY_S
        return cls(refused, ended + max(delay_s, (ended - began) / SCAN_SHARE), delay_s)


class _ProcMemory:
    """The memory that the process had when this was made: after its end or an exec it reads as empty."""

    def __init__(self, pid: int) -> None:
        with _reasons(pid):
            self._fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY)

    def read(self, address: int, size: int) -> bytes:
        try:
            return os.pread(self._fd, size, address)
        except OSError:
            return b""

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class _Life(NamedTuple):
    """What of `/proc/PID/stat` stays as long as a process runs one program in one address space."""

    parent: int
    started_ticks: int
    start_stack: int
    forked_without_exec: bool


def _life(pid: int) -> _Life:
    fields = _stat(pid)
    flags = int(fields[6])
    return _Life(int(fields[1]), int(fields[19]), int(fields[25]), bool(flags & _FORKED_WITHOUT_EXEC))


def _borrows_memory(life: _Life) -> bool:
    """Whether a process may still use its parent's memory (vfork, posix_spawn): the parent's thread waits for its exec."""
    if not life.forked_without_exec:
        return False
    with contextlib.suppress(NoHeap, OSError):
        return any(
            _stat(life.parent, f"task/{thread}/stat")[0] == b"D" for thread in os.listdir(f"/proc/{life.parent}/task")  # noqa: PTH208
        )
    return False


def _stat(pid: int, file: str = "stat") -> list[bytes]:
    """The fields from the state on; the name before it may hold blanks and brackets."""
    return _read_proc(pid, file).rpartition(b")")[2].split()


def _scan(pid: int, memory: _ProcMemory) -> tuple[Heap, ...]:
    addresses = list(_limited(pid, chunk_addresses(_read_proc(pid, "maps").decode(errors="replace"))))
    candidates = [address for address in addresses if points_into_itself(memory, address)]
    heaps = [recognise(memory, address) for address in candidates]
    if candidates and not any(heaps):
        raise HeapRefused(
            f"process {pid} has what begins like a PHP heap, but not in a layout that is known",
            hint="PHP 7.4 to 8.6 are known; tell us the version if it is one of them",
        )
    return tuple(heap for heap in heaps if heap)


def _limited(pid: int, addresses: Iterator[int]) -> Iterator[int]:
    for count, address in enumerate(addresses):
        if count >= CHUNKS_SCANNED:
            raise HeapRefused(f"process {pid} maps more than {CHUNKS_SCANNED // 512} GiB, too much to look for a heap in")
        yield address


def _no_heap(pid: int) -> HeapRefused:
    variables = dict(entry.partition(b"=")[::2] for entry in _read_proc(pid, "environ").split(b"\0"))
    if variables.get(b"USE_ZEND_ALLOC", b"1").strip() == b"0":
        return HeapRefused(
            f"process {pid} runs without PHP's allocator (USE_ZEND_ALLOC=0)", hint="unset it to have the heap counted"
        )
    return NoHeap(f"process {pid} has no PHP heap: another program, or it's still starting")


def _read_proc(pid: int, file: str) -> bytes:
    with _reasons(pid), open(f"/proc/{pid}/{file}", "rb", 0) as stream:  # noqa: PTH123
        return stream.read()


@contextlib.contextmanager
def _reasons(pid: int) -> Iterator[None]:
    try:
        yield
    except PermissionError:
        raise HeapRefused(f"no right to read the memory of process {pid}", hint=_RIGHTS_HINT) from None
    except (FileNotFoundError, ProcessLookupError):
        raise NoHeap(f"process {pid} has ended") from None
