"""Runs a program of this machine, for so long and not longer; what it has started goes with it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from harness.diagnose.protocol import TimedOut, ToolOutputError


class Ran(NamedTuple):
    exit_code: int
    out: str
    err: str


def run_program(command: Sequence[str], limit_s: float) -> Ran:
    """Raises TimedOut, ToolOutputError where it can't be started."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise ToolOutputError(f"{command[0]} can't be started: {error.strerror or error}") from error
    with process:
        try:
            out, err = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired as late:
            raise TimedOut(f"{command[0]} was not done in {limit_s:.0f} s: give it longer (--limit)") from late
        finally:
            _end_group(process)
    return Ran(process.returncode, out, err)


def _end_group(process: subprocess.Popen[str]) -> None:
    """Its session is its own, so nobody else is in its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
