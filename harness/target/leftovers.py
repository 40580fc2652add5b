"""Local processes that a run started, found by their marks, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.target.labels import OWNER_VARIABLE, RUN_VARIABLE, Owner, start_ticks

_KILL_WAIT_S = 5.0
_KILL_PAUSE_S = 0.02
_OUTPUTS = (1, 2)


@dataclass(frozen=True)
class MarkedProcess:
    """A process of a run; the start time (clock ticks since boot) tells it from a later one with its pid."""

    pid: int
    start_ticks: int
    name: str
    run_id: str
    owner: Owner

    def is_alive(self) -> bool:
        return start_ticks(self.pid) == self.start_ticks


def processes_by_environment() -> list[MarkedProcess]:
    """Processes with our marks in their environment, as far as this user may read it."""
    found = []
    for pid in _other_pids():
        marks = _environment(pid)
        owner = Owner.parse(marks.get(OWNER_VARIABLE, ""))
        if owner and (process := _marked(pid, marks.get(RUN_VARIABLE, ""), owner)):
            found.append(process)
    return found


def processes_by_log(log: Path, run_id: str, owner: Owner) -> list[MarkedProcess]:
    """Processes that write to a run's log: PHP overwrites its environment when it sets its title."""
    names = {str(log.resolve()), f"{log.resolve()} (deleted)"}
    writers = (pid for pid in _other_pids() if names & _outputs(pid))
    return [process for pid in writers if (process := _marked(pid, run_id, owner))]


def kill_processes(processes: Iterable[MarkedProcess]) -> list[MarkedProcess]:
    """Kills them and waits up to five seconds; gives those that are still there."""
    left = list(processes)
    deadline_s = time.monotonic() + _KILL_WAIT_S
    while left := [process for process in left if process.is_alive()]:
        for process in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, signal.SIGKILL)
        if time.monotonic() > deadline_s:
            return left
        time.sleep(_KILL_PAUSE_S)
    return []


def _other_pids() -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            yield int(entry.name)


def _marked(pid: int, run_id: str, owner: Owner) -> MarkedProcess | None:
    born = start_ticks(pid)
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
    return MarkedProcess(pid, born, name, run_id, owner) if born is not None else None


def _environment(pid: int) -> dict[str, str]:
    try:
        text = Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace")
    except OSError:
        return {}
    return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)


def _outputs(pid: int) -> set[str]:
    found = set()
    for number in _OUTPUTS:
        with contextlib.suppress(OSError):
            found.add(str(Path(f"/proc/{pid}/fd/{number}").readlink()))
    return found
