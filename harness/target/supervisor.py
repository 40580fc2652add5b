"""Runs one command and ends all its descendants when the harness lets go or dies; needs the stdlib alone.

Started as `python -I -S supervisor.py` by process.py. Standard input: one JSON line {"command", "cwd", "environment",
"log"}, then nothing; its end, or the end of the parent, is the order to stop. Standard output: one JSON line
{"pid"} or {"error"}, later {"exit"}. As a child subreaper it inherits workers whose master has died, so none escapes
by forking twice or by a session of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

GRACE_S = 5.0
_KILL_TRIES = 100
_PAUSE_S = 0.02
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> int:
    parent = _open_parent()
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wakeup, poke = os.pipe()
    os.set_blocking(poke, False)
    signal.set_wakeup_fd(poke)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _wake)
    order = json.loads(sys.stdin.readline())
    try:
        child = _start(order)
    except OSError as error:
        _tell({"error": error.strerror or str(error), "file": error.filename})
        return 1
    _tell({"pid": child.pid})
    _watch(child.pid, [0, wakeup, *parent], wakeup)
    _end_all(child.pid)
    return 0


def _wake(number: int, frame: object) -> None:
    """Python's own handler only has to exist: the signal's number arrives through the wakeup pipe."""


def _open_parent() -> list[int]:
    """Ends the wait when the harness dies, even where a forked child of it still holds our standard input."""
    try:
        return [os.pidfd_open(os.getppid())]
    except OSError:
        return []


def _start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    with Path(order["log"]).open("ab", buffering=0) as log:
        return subprocess.Popen(
            order["command"],
            cwd=order["cwd"],
            env=order["environment"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _watch(main_pid: int, sources: list[int], wakeup: int) -> None:
    """Reaps and reports until the order to stop comes."""
    while True:
        ready, _, _ = select.select(sources, [], [])
        if ready != [wakeup]:
            return
        numbers = os.read(wakeup, 512)
        _reap(main_pid)
        if any(number != signal.SIGCHLD for number in numbers):
            return


def _reap(main_pid: int) -> bool:
    """Collects what has ended; False when no child is left."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        if pid == main_pid:
            code = os.waitstatus_to_exitcode(status)
            _tell({"exit": code if code >= 0 else 128 - code})


def _end_all(main_pid: int) -> None:
    """SIGTERM to the command's group and time to obey, then SIGKILL to every descendant, wherever it has gone."""
    if _group_of(main_pid):
        os.killpg(main_pid, signal.SIGTERM)
    deadline_s = time.monotonic() + GRACE_S
    while _reap(main_pid) and _group_of(main_pid) and time.monotonic() < deadline_s:
        time.sleep(_PAUSE_S)
    for _ in range(_KILL_TRIES):
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not _reap(main_pid):
            return
        time.sleep(_PAUSE_S)


def _group_of(main_pid: int) -> list[int]:
    """Our descendants in the command's group; as long as there is one, the group's number is not another's."""
    members = []
    for pid in descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == main_pid:
                members.append(pid)
    return members


def descendants(root_pid: int) -> list[int]:
    """Children and their children, from /proc/PID/stat of every process."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
                children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found: list[int] = []
    waiting = [root_pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _tell(news: dict[str, Any]) -> None:
    """The harness may be gone already; then there is nobody to tell."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(news).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
