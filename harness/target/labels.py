"""What marks everything a run starts, so that it can be found again, and whose it is."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

RUN_LABEL = "hyperleak.run"
SCENARIO_LABEL = "hyperleak.scenario"
OWNER_LABEL = "hyperleak.owner"
RUN_VARIABLE = "HYPERLEAK_RUN_ID"
OWNER_VARIABLE = "HYPERLEAK_OWNER"

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_OWNER = re.compile(r"(\d+):(\d+)@(.+)")
_START_TIME_AFTER_NAME = 19
_ENDED_STATES = "ZXx"


@dataclass(frozen=True)
class RunLabels:
    """The run and the scenario that a target belongs to."""

    run_id: str
    scenario: str

    def __post_init__(self) -> None:
        if not _RUN_ID.fullmatch(self.run_id):
            raise ValueError(f"{self.run_id!r} is not a run id: letters, digits, '_', '.' and '-' only")


@dataclass(frozen=True)
class Owner:
    """A harness process; the start time (clock ticks since boot) tells it from a later one with its pid."""

    pid: int
    start_ticks: int
    host: str

    def __str__(self) -> str:
        return f"{self.pid}:{self.start_ticks}@{self.host}"

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """The owner that a label or a file names, or None where it isn't one."""
        match = _OWNER.fullmatch(text)
        return cls(int(match[1]), int(match[2]), match[3]) if match else None

    def is_dead(self) -> bool:
        """True only where this can be known: on the owner's own host."""
        return self.host == socket.gethostname() and start_ticks(self.pid) != self.start_ticks


def this_process() -> Owner:
    return _owner(os.getpid())


@cache
def _owner(pid: int) -> Owner:
    return Owner(pid, start_ticks(pid) or 0, socket.gethostname())


def start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat (clock ticks since boot); None for a process that has ended, zombies too."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in _ENDED_STATES else int(fields[_START_TIME_AFTER_NAME])


def owner_labels(run: RunLabels) -> dict[str, str]:
    """The labels of every container, network, volume and image that this process makes for a run."""
    return {RUN_LABEL: run.run_id, SCENARIO_LABEL: run.scenario, OWNER_LABEL: str(this_process())}


def owner_environment(run: RunLabels) -> dict[str, str]:
    """The same marks for local processes, which can't be labelled."""
    return {RUN_VARIABLE: run.run_id, OWNER_VARIABLE: str(this_process())}
