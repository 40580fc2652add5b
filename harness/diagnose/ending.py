"""The target's processes: who they are, who handles a signal, and their end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from harness.diagnose.protocol import Scene
from harness.errors import MeasureError

_POLL_S = 0.05


class Signalled(NamedTuple):
    """`own_pid` is what the process takes itself for, in its container."""

    pid: int
    own_pid: int


def processes_of(root_pid: int) -> list[psutil.Process]:
    """The first process and all that it has started, deepest last."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(root_pid)
        return [root, *root.children(recursive=True)]
    return []


def end_processes(scene: Scene, number: signal.Signals) -> None:
    """Signals the workers, what the target's first process has started, and waits for their end. Raises TimedOut."""
    ended = list(_signalled(reversed(processes_of(scene.root_pid)[1:]), lambda process: process.send_signal(number)))
    while any(_is_alive(process) for process in ended):
        scene.left_s("while it was still writing")
        time.sleep(_POLL_S)


def signal_handlers(root_pid: int, number: int) -> list[Signalled]:
    """Signals every process that handles it; the others it would kill. Raises MeasureError where that isn't allowed."""
    asked = []
    for process in processes_of(root_pid):
        with suppress(OSError, psutil.NoSuchProcess):
            status = Path(f"/proc/{process.pid}/status").read_text(errors="replace")
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            if int(fields.get("SigCgt", "0"), 16) >> (number - 1) & 1:
                list(_signalled([process], lambda one: one.send_signal(number)))
                asked.append(Signalled(process.pid, int(fields.get("NSpid", str(process.pid)).split()[-1])))
    return asked


def _signalled(processes: Iterable[psutil.Process], send: Callable[[psutil.Process], None]) -> Iterable[psutil.Process]:
    for process in processes:
        try:
            send(process)
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied as denied:
            raise MeasureError(
                f"process {process.pid} of the target can't be signalled", hint="run as root or as the app's user"
            ) from denied
        yield process


def _is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
