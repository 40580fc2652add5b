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

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]")
_SLUG_LENGTH = 100
_OWNER = re.compile(r"(\d+):(\d+)@(.+)")
_START_TIME_AFTER_NAME = 19
_ENDED_STATES = "ZXx"


@dataclass(frozen=True)
class RunLabels:
    """The run and the scenario that a target belongs to."""

    run_id: str
    scenario: str

    @property
    def slug(self) -> str:
        """The run id with what the engine doesn't take in a name replaced."""
        return _NOT_IN_NAMES.sub("-", self.run_id)[:_SLUG_LENGTH]


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
