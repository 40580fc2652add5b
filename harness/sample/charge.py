"""What a memory cgroup charges: reading its text, the same for v1, v2 and Docker's stats.

`anon_bytes` is v2 `anon` and v1 `total_rss` (`rss` counts the cgroup alone, without its children); the page cache
is v2 `file` and v1 `total_cache`. See the kernel's admin-guide/cgroup-v2.rst and admin-guide/cgroup-v1/memory.rst.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from harness.errors import SampleError
from harness.model.samples import CgroupReading

STAT_FILE = "memory.stat"
USAGE_FILES = {1: "memory.usage_in_bytes", 2: "memory.current"}
EVENTS_FILES = {1: "memory.oom_control", 2: "memory.events"}

_ANON_KEYS = ("anon", "total_rss", "rss")
_FILE_KEYS = ("file", "total_cache", "cache")
_INACTIVE_FILE_KEYS = ("total_inactive_file", "inactive_file")
_OOM_KILL_KEY = "oom_kill"


class CgroupSource(Protocol):
    """One way to the container's charge."""

    @property
    def kind(self) -> str:
        """Which way this is: "files", "exec" or "stats"."""

    def read(self) -> CgroupReading:
        """The charge now, in bytes. SampleError: the container is gone, or the way to it."""

    def oom_kills(self) -> int | None:
        """Processes killed for memory since the cgroup was made; None: this source doesn't tell."""

    def close(self) -> None:
        """Lets go of whatever is open; a second time does nothing."""


def parse_flat(text: str) -> dict[str, int]:
    """The numbers of a flat keyed file ("anon 4096" a line); lines of another shape are passed over."""
    numbers: dict[str, int] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if value.strip().isdecimal():
            numbers[key] = int(value)
    return numbers


def charge(stat: Mapping[str, int], usage_bytes: int | None) -> CgroupReading:
    """The reading of a `memory.stat` of either version. SampleError: it doesn't tell the anonymous memory."""
    anon_bytes = _first(stat, _ANON_KEYS)
    if anon_bytes is None:
        raise SampleError(
            f"memory.stat has none of {', '.join(_ANON_KEYS)}",
            hint="is the memory controller on? see /sys/fs/cgroup/cgroup.controllers on the container's host",
        )
    return CgroupReading(
        anon_bytes=anon_bytes,
        file_bytes=_first(stat, _FILE_KEYS),
        inactive_file_bytes=_first(stat, _INACTIVE_FILE_KEYS),
        usage_bytes=usage_bytes,
    )


def parse_oom_kills(text: str) -> int | None:
    """`oom_kill` of v2 `memory.events` or v1 `memory.oom_control`; None before Linux 4.13."""
    return parse_flat(text).get(_OOM_KILL_KEY)


def _first(stat: Mapping[str, int], keys: tuple[str, ...]) -> int | None:
    return next((stat[key] for key in keys if key in stat), None)
