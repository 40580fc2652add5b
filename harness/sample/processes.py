"""The target's processes as this host's kernel shows them: who lives, and what each one holds.

psutil finds and names them; /proc/PID/stat and statm tell identity, faults and RSS in 15 µs, and
/proc/PID/smaps_rollup the exact private and proportional memory. The kernel walks the page table for the latter (30 µs
a MiB), so it is read only when a process of the target has faulted since, and where a cgroup tells the container's
memory anyway, no more often than `EXACT_SHARE` of a core allows: the two fields are None in between.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

from harness.model.samples import PhpReading, ProcessReading

EXACT_SHARE = 0.005
SESSION_SCAN_S = 1.0
YOUNG_S = 1.0
_NAME_LENGTH = 120
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_READ_BYTES = 8192
_NAMESPACED_PIDS = re.compile(rb"^NSpid:\s*([\d\s]+?)$", re.MULTILINE)
_LINKS_OF_ONE_THREAD = 3
_KERNEL_LISTS_CHILDREN = Path("/proc/thread-self/children").exists()


class _Stat(NamedTuple):
    started_s: float
    faults: int
    rss_bytes: int


class _Life(NamedTuple):
    started_s: float
    faults: int
    is_running: bool


class _Known(NamedTuple):
    started_s: float
    process: psutil.Process
    name: str


class _Exact(NamedTuple):
    pss_bytes: int | None
    private_dirty_bytes: int | None


_HIDDEN = _Exact(None, None)


class ProcessTable:
    """The processes of one target, remembered from reading to reading.

    `members` lists the container's pids (its cgroup); without it they are the root's session and descendants, and
    whoever was among them once. `exact_always`: the private memory is wanted in every reading, at any cost.
    """

    def __init__(
        self,
        root_pid: int,
        *,
        members: Callable[[], Iterable[int]] | None = None,
        exact_always: bool = False,
    ) -> None:
        self._root = (root_pid, _started_s(root_pid))
        self._members = members or self._family
        self._exact_always = exact_always
        self._known: dict[int, _Known] = {}
        self._stats: dict[int, _Stat] = {}
        self._exact: dict[int, _Exact] = {}
        self._exact_due_s = 0.0
        self._strays: dict[int, float] = {}
        self._scan_due_s = 0.0

    def pids(self) -> tuple[int, ...]:
        """The pids of now, in ascending order; some may be zombies."""
        return tuple(sorted(self._members()))

    def activity(self, pids: Iterable[int]) -> Mapping[int, tuple[float, int, int]]:
        """Start, page faults and RSS by pid: what stands still while nobody touches new memory."""
        return _read_stats(pids)

    def is_any_running(self, pids: Iterable[int]) -> bool:
        """Whether a process is on a processor or waits for one; one that was preempted looks settled and isn't."""
        return any(life.is_running for pid in pids if (life := _read_life(pid)) is not None)

    def read(
        self, pids: Iterable[int], heaps: Mapping[int, PhpReading] | None = None, *, exact: bool = False
    ) -> tuple[ProcessReading, ...]:
        """One reading for each of `pids`; those that are gone or dead (zombies) are left out.

        `exact`: with the private memory in any case.
        """
        stats = self._meet(_read_stats(pids))
        private = self._exact_of(stats, wanted=exact or self._exact_always)
        php = heaps or {}
        return tuple(self._reading(pid, stat, private.get(pid, _HIDDEN), php.get(pid)) for pid, stat in stats.items())

    def _reading(self, pid: int, stat: _Stat, exact: _Exact, php: PhpReading | None) -> ProcessReading:
        known = self._known[pid]
        return ProcessReading(
            pid=pid,
            name=known.name,
            started_s=stat.started_s,
            rss_bytes=stat.rss_bytes,
            pss_bytes=exact.pss_bytes,
            private_dirty_bytes=exact.private_dirty_bytes,
            open_fds=_open_fds(known.process),
            php=php,
        )

    def _meet(self, stats: dict[int, _Stat]) -> dict[int, _Stat]:
        """A handle and a name for each, kept unless the pid was given again or so young that its title may change."""
        uptime_s = time.clock_gettime(time.CLOCK_BOOTTIME) if psutil.LINUX else time.time()
        old, self._known = self._known, {}
        for pid, stat in stats.items():
            known = old.get(pid)
            if known is None or known.started_s != stat.started_s or uptime_s - stat.started_s < YOUNG_S:
                known = _meet(pid, stat.started_s)
            if known is not None:
                self._known[pid] = known
        return {pid: stats[pid] for pid in self._known}

    def _exact_of(self, stats: dict[int, _Stat], *, wanted: bool) -> dict[int, _Exact]:
        """A fault in one process can make a page another one's own, so all of them are read, or none."""
        if stats == self._stats:
            return self._exact
        now_s = time.monotonic()
        if now_s < self._exact_due_s and not wanted:
            return {}
        cpu_s = time.thread_time()
        self._stats, self._exact = stats, {pid: _read_exact(pid) for pid in stats}
        self._exact_due_s = now_s + (time.thread_time() - cpu_s) / EXACT_SHARE
        return self._exact

    def _family(self) -> set[int]:
        """The root and its descendants; also who left the tree (a daemon) but was seen in it or in its session."""
        root_pid, root_started_s = self._root
        family = _with_descendants({root_pid} if _started_s(root_pid) == root_started_s else set())
        now_s = time.monotonic()
        if now_s >= self._scan_due_s:
            self._scan_due_s = now_s + SESSION_SCAN_S
            session = {pid for pid in psutil.pids() if _session(pid) == root_pid}
            self._strays = {pid: stat.started_s for pid, stat in _read_stats(session - family).items()}
        seen = {pid: known.started_s for pid, known in self._known.items()} | self._strays
        strays = {pid for pid in seen.keys() - family if _started_s(pid) == seen[pid]}
        return family | _with_descendants(strays)


def namespaced_pid(pid: int) -> int | None:
    """The pid in the process's own namespace, from NSpid of /proc/PID/status; None for who is gone."""
    text = _read(f"/proc/{pid}/status") or b""
    found = _NAMESPACED_PIDS.search(text)
    return int(found[1].split()[-1]) if found else None


def _with_descendants(pids: set[int]) -> set[int]:
    family, waiting = set(pids), list(pids)
    while waiting:
        children = _children(waiting.pop()) - family
        family |= children
        waiting.extend(children)
    return family


def _children(pid: int) -> set[int]:
    """From /proc/PID/task/TID/children; where the kernel has no such file, by psutil, which looks at every process."""
    if not _KERNEL_LISTS_CHILDREN:
        with contextlib.suppress(psutil.Error):
            return {child.pid for child in psutil.Process(pid).children()}
        return set()
    lists = (_read(f"/proc/{pid}/task/{thread}/children") for thread in _threads(pid))
    return {int(child) for text in lists if text for child in text.split()}


def _threads(pid: int) -> list[str]:
    tasks = f"/proc/{pid}/task"
    try:
        alone = os.stat(tasks).st_nlink <= _LINKS_OF_ONE_THREAD  # noqa: PTH116 - a third of the time of a Path
        return [str(pid)] if alone else os.listdir(tasks)  # noqa: PTH208
    except OSError:
        return []


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _read_stats(pids: Iterable[int]) -> dict[int, _Stat]:
    return {pid: stat for pid in pids if (stat := _read_stat(pid)) is not None}


def _read_stat(pid: int) -> _Stat | None:
    """None for who is gone or a zombie. RSS is of statm, for that in stat lags behind by up to 32 pages a CPU."""
    if not psutil.LINUX:
        return _portable_stat(pid)
    life, statm = _read_life(pid), _read(f"/proc/{pid}/statm")
    if life is None or statm is None:
        return None
    return _Stat(life.started_s, life.faults, int(statm.split()[1]) * _PAGE_BYTES)


def _started_s(pid: int) -> float | None:
    if psutil.LINUX:
        life = _read_life(pid)
        return life.started_s if life else None
    stat = _portable_stat(pid)
    return stat.started_s if stat else None


def _read_life(pid: int) -> _Life | None:
    """Start time (host's uptime clock) and page faults; None for who is gone or a zombie. See proc_pid_stat(5)."""
    text = _read(f"/proc/{pid}/stat")
    if text is None:
        return None
    state, *fields = text[text.rindex(b")") + 2 :].split()
    if state in (b"Z", b"X"):
        return None
    return _Life(int(fields[18]) / _TICKS_PER_S, int(fields[6]) + int(fields[8]), state == b"R")


def _portable_stat(pid: int) -> _Stat | None:
    """What psutil can tell where there is no /proc; the start is of the wall clock."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        with process.oneshot():
            if process.status() != psutil.STATUS_ZOMBIE:
                return _Stat(process.create_time(), 0, process.memory_info().rss)
    return None


def _read_exact(pid: int) -> _Exact:
    """Proportional and private dirty bytes of smaps_rollup; Nones where it may not be read. See proc_pid_smaps(5)."""
    text = _read(f"/proc/{pid}/smaps_rollup")
    if text is None:
        return _HIDDEN
    kib = {key: int(value) for key, value, *_ in map(bytes.split, text.splitlines()[1:])}
    return _Exact(kib[b"Pss:"] * 1024, kib[b"Private_Dirty:"] * 1024)


def _read(path: str) -> bytes | None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(file, _READ_BYTES) or None
    except OSError:
        return None
    finally:
        os.close(file)


def _meet(pid: int, started_s: float) -> _Known | None:
    """The name is the command line, or the title that the process gave itself, or the program's name."""
    try:
        process = psutil.Process(pid)
        name = " ".join(process.cmdline()).strip() or process.name()
        return _Known(started_s, process, name[:_NAME_LENGTH])
    except psutil.AccessDenied:
        return _Known(started_s, process, "")
    except psutil.Error:
        return None


def _open_fds(process: psutil.Process) -> int | None:
    """Since Linux 6.2 the size of /proc/PID/fd, else counted; None where the process belongs to another user."""
    try:
        counted = os.stat(f"/proc/{process.pid}/fd").st_size if psutil.LINUX else 0  # noqa: PTH116 - as above
        return counted or process.num_fds()
    except (psutil.Error, OSError):
        return None
