"""What Linux tells of another process: its memory, its files under `/proc`, and why it may not be read."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from mmap import PAGESIZE
from pathlib import Path
from typing import NamedTuple

from harness.errors import SampleError

_FORKED_WITHOUT_EXEC = 0x40
_WORDS_A_CALL = 1024
TICKS_PER_S = 100
"""Of the times in `/proc/PID/stat`, on every Linux that has one (USER_HZ)."""

_RIGHTS_HINT = (
    "run as root or with CAP_SYS_PTRACE, or as the process's own user (with kernel.yama.ptrace_scope = 1 only its"
    " descendants can be read); where none of it is possible, sample through a sidecar"
)


class HeapRefused(SampleError):
    """The heap of a process can't be read; the message says which and why."""


class NoHeap(HeapRefused):
    """The process has no PHP heap: it runs another program, is still starting, or has ended."""


class ProcMemory:
    """The memory that the process had when this was made: after its end or an exec it reads as empty."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        with _reasons(pid):
            self._fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)

    def read(self, address: int, size: int) -> bytes:
        try:
            return os.pread(self._fd, size, address)
        except OSError:
            return b""

    def words(self, addresses: Sequence[int]) -> Sequence[int]:
        """The 64-bit word at each address, 0 where there's none; 0.2 µs each where process_vm_readv may be called."""
        try:
            return _vector_read(self._pid, addresses)
        except OSError:
            return [int.from_bytes(self.read(address, 8), "little") for address in addresses]

    def touched(self, addresses: Sequence[int]) -> list[int]:
        """The addresses whose page was ever written: to read others would make the kernel set up page tables for them.

        1 µs each. Without a pagemap it gives them all.
        """
        try:
            pagemap = os.open(f"/proc/{self._pid}/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return list(addresses)
        try:
            return [address for address in addresses if _is_touched(pagemap, address)]
        finally:
            os.close(pagemap)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _is_touched(pagemap: int, address: int) -> bool:
    """An entry's uppermost two bits tell that the page is in memory, or swapped out."""
    entry = os.pread(pagemap, 8, address // PAGESIZE * 8)
    return len(entry) == 8 and entry[7] & 0xC0 != 0


def _vector_read(pid: int, addresses: Sequence[int]) -> array[int]:
    """One call for a thousand words (`process_vm_readv`); it stops at a word that can't be read, which is skipped."""
    words = array("Q", bytes(8 * len(addresses)))
    remote = array("Q", (item for address in addresses for item in (address, 8)))
    words_at, remote_at = words.buffer_info()[0], remote.buffer_info()[0]
    done = 0
    while done < len(words):
        count = min(len(words) - done, _WORDS_A_CALL)
        local = (ctypes.c_uint64 * 2)(words_at + 8 * done, 8 * count)
        got = _process_vm_readv()(pid, local, 1, remote_at + 16 * done, count, 0)
        if got < 0 and ctypes.get_errno() != errno.EFAULT:
            raise OSError(ctypes.get_errno(), f"process_vm_readv of process {pid}")
        done += max(1, got // 8)
    return words


@cache
def _process_vm_readv() -> ctypes._NamedFuncPointer:
    """Looked up when it's first called, for only Linux has it."""
    function = ctypes.CDLL(None, use_errno=True).process_vm_readv
    size, pointer = ctypes.c_ulong, ctypes.c_void_p
    function.argtypes = [ctypes.c_int, pointer, size, pointer, size, size]
    function.restype = ctypes.c_ssize_t
    return function


class Life(NamedTuple):
    """What of `/proc/PID/stat` stays the same while a process runs one program in one address space."""

    parent: int
    started_ticks: int
    start_stack: int
    forked_without_exec: bool

    @property
    def started_s(self) -> float:
        """Seconds of the host's uptime."""
        return self.started_ticks / TICKS_PER_S


def life(pid: int) -> Life:
    """Raises `NoHeap` when the process has ended, also when nobody has waited for it yet."""
    fields = _stat(pid)
    if fields[0] in (b"Z", b"X"):
        raise NoHeap(f"process {pid} has ended")
    forked_without_exec = bool(int(fields[6]) & _FORKED_WITHOUT_EXEC)
    return Life(int(fields[1]), int(fields[19]), int(fields[25]), forked_without_exec)


def borrows_memory(process: Life) -> bool:
    """Whether it may still use its parent's memory (vfork, posix_spawn), whose thread waits for the child's exec."""
    if not process.forked_without_exec:
        return False
    with contextlib.suppress(HeapRefused):
        threads = _tasks(process.parent)
        return any(_stat(process.parent, f"task/{thread}/stat")[0] == b"D" for thread in threads)
    return False


def read_proc(pid: int, file: str) -> bytes:
    """A whole file of `/proc/PID`. Raises `HeapRefused` or `NoHeap`."""
    with _reasons(pid), Path(f"/proc/{pid}/{file}").open("rb", buffering=0) as stream:
        return stream.read()


TaskState = tuple[int, bytes]


class TaskCount:
    """Tells cheaply whether a process may have brought heaps for new threads."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        with _reasons(pid):
            self._fd = os.open(f"/proc/{pid}/task", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def state(self) -> TaskState:
        """The number of threads (as the links of a folder) and, where there are many, the size of the address space."""
        links = os.fstat(self._fd).st_nlink
        return (links, b"") if links <= 3 else (links, read_proc(self._pid, "statm").split(b" ", 1)[0])

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _tasks(pid: int) -> list[str]:
    with _reasons(pid):
        return [task.name for task in Path(f"/proc/{pid}/task").iterdir()]


def _stat(pid: int, file: str = "stat") -> list[bytes]:
    """The fields from the state on; the name before it may hold blanks and brackets."""
    return read_proc(pid, file).rpartition(b")")[2].split()


@contextlib.contextmanager
def _reasons(pid: int) -> Iterator[None]:
    try:
        yield
    except PermissionError:
        raise HeapRefused(f"no right to read the memory of process {pid}", hint=_RIGHTS_HINT) from None
    except (FileNotFoundError, ProcessLookupError):
        raise NoHeap(f"process {pid} has ended") from None
