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
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.load.messages import CONTROL_VARIABLE
from harness.load.worker import locust_command, python_path

TAIL_LINES = 15
TAIL_BYTES = 8192


@dataclass(frozen=True)
class LocustProcess:
    """`channel` is the harness's end; `log` has what the process printed."""

    name: str
    process: subprocess.Popen[bytes]
    channel: socket.socket
    log: Path

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
        text = self.log.read_bytes()[-TAIL_BYTES:].decode("utf-8", "replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-TAIL_LINES:])


def start_locust(name: str, arguments: Sequence[str], *, log_dir: Path, scratch: Path) -> LocustProcess:
    """`scratch` is where it runs: an empty folder, so that no locust.conf there is read."""
    ours, theirs = socket.socketpair()
    log = log_dir / f"locust-{name}.log"
    with theirs, log.open("wb") as output:
        process = subprocess.Popen(
            locust_command(*arguments),
            cwd=scratch,
            env=_environment(theirs.fileno()),
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return LocustProcess(name, process, ours, log)


def stop_all(processes: Sequence[LocustProcess], *, timeout_s: float) -> None:
    """Closes the channels, which asks them to quit; kills those that are still there after the timeout; reaps all."""
    for each in processes:
        each.channel.close()
    deadline = time.monotonic() + timeout_s
    for each in processes:
        try:
            each.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            each.process.kill()
    for each in processes:
        each.process.wait()


def _environment(descriptor: int) -> dict[str, str]:
    """Locust also takes options from LOCUST_* variables: none of the caller's may change the load."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    return {**inherited, "PYTHONPATH": python_path(), CONTROL_VARIABLE: str(descriptor)}
