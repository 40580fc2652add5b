"""Locust processes seen from the harness: started, spoken to, ended. None outlives the harness.

Each process inherits one end of a socket pair. When the harness ends, even by `kill -9`, that end is closed and the
process quits; when the process ends, the harness's end is readable at once. They run in sessions of their own, so a
Ctrl-C in the terminal reaches the harness alone, which decides what becomes of a window.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.load.launch import CONTROL_VARIABLE
from harness.load.worker import locust_command, python_path

TAIL_LINES = 15
TAIL_BYTES = 8192
NOWHERE = "/"  # where no locust.conf or pyproject.toml of the caller is read


@dataclass(frozen=True)
class LocustProcess:
    """`channel` is the harness's end; `log` is the open file of what the process prints."""

    name: str
    process: subprocess.Popen[bytes]
    channel: socket.socket
    log: IO[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def end(self) -> str:
        """How it ended, for a message."""
        try:
            code = self.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return "closed its channel"
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def log_tail(self) -> str:
        """The process shares the file's position, so this reads without moving it."""
        descriptor = self.log.fileno()
        start = max(0, os.fstat(descriptor).st_size - TAIL_BYTES)
        text = os.pread(descriptor, TAIL_BYTES, start).decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-TAIL_LINES:])


def start_locust(name: str, arguments: Sequence[str], *, log_dir: Path | None) -> LocustProcess:
    """Logs to `locust-NAME.log` in `log_dir`, without one to a file that has no name and leaves nothing behind."""
    ours, theirs = socket.socketpair()
    log = _open_log(name, log_dir)
    with theirs:
        process = subprocess.Popen(
            locust_command(*arguments),
            cwd=NOWHERE,
            env=_environment(theirs.fileno()),
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return LocustProcess(name, process, ours, log)


def stop_all(processes: Sequence[LocustProcess], *, timeout_s: float) -> None:
    """Closes the channels, which tells them to quit, then terminates and at last kills those still there; reaps all.

    Each step has the timeout; one that is only just starting doesn't look at its channel yet and is terminated.
    """
    for each in processes:
        each.channel.close()
    for each in _still_there(processes, timeout_s):
        each.process.terminate()
    for each in _still_there(processes, timeout_s):
        each.process.kill()
        each.process.wait()
    for each in processes:
        each.log.close()


def _still_there(processes: Sequence[LocustProcess], timeout_s: float) -> list[LocustProcess]:
    """Those that didn't end within the time."""
    deadline = time.monotonic() + timeout_s
    return [each for each in processes if not _ends(each, deadline - time.monotonic())]


def _ends(each: LocustProcess, within_s: float) -> bool:
    try:
        each.process.wait(timeout=max(0.0, within_s))
    except subprocess.TimeoutExpired:
        return False
    return True


def _open_log(name: str, log_dir: Path | None) -> IO[bytes]:
    if log_dir is None:
        return tempfile.TemporaryFile(prefix="hyperleak-load-")
    log_dir.mkdir(parents=True, exist_ok=True)
    return (log_dir / f"locust-{name}.log").open("w+b")


def _environment(descriptor: int) -> dict[str, str]:
    """Locust also takes options from LOCUST_* variables: none of the caller's may change the load."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    return {**inherited, "PYTHONPATH": python_path(), CONTROL_VARIABLE: str(descriptor)}
