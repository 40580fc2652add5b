"""How long processes have been on a processor, to the nanosecond: who answered a request tells by having run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def run_times(pids: Iterable[int]) -> dict[int, int]:
    """CPU time of each process's main thread in ns (`/proc/PID/schedstat`); without those that can't be asked."""
    found = {}
    for pid in pids:
        try:
            found[pid] = int(Path(f"/proc/{pid}/schedstat").read_bytes().split()[0])
        except (OSError, IndexError, ValueError):
            continue
    return found
