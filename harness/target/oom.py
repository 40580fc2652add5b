"""Counts OOM kills inside of a container that goes on, from its cgroup's own counter."""

from __future__ import annotations

import re
from pathlib import Path

_COUNTER = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)
_CGROUP_ROOT = Path("/sys/fs/cgroup")


class OomKills:
    """The cgroup is gone when the container has ended, so the last count is kept."""

    def __init__(self) -> None:
        self._counter: Path | None = None
        self._seen = 0

    def watch(self, root_pid: int | None) -> None:
        """`root_pid` is the container's init as this machine counts it; None where the engine is elsewhere."""
        self._counter = None if root_pid is None else counter_file(_read(Path(f"/proc/{root_pid}/cgroup")))

    def count(self, *, killed: bool) -> int:
        """Kills so far; at least one where the engine says that memory `killed` something."""
        if self._counter and (match := _COUNTER.search(_read(self._counter))):
            self._seen = max(self._seen, int(match[1]))
        return max(self._seen, int(killed))


def counter_file(proc_cgroup: str, root: Path = _CGROUP_ROOT) -> Path | None:
    """The file with the line `oom_kill N`: memory.oom_control (cgroup v1) or memory.events (v2)."""
    unified = None
    for line in proc_cgroup.splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return root / "memory" / path.lstrip("/") / "memory.oom_control"
        if not controllers:
            unified = root / path.lstrip("/") / "memory.events"
    return unified


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
