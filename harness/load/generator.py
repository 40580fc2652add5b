"""Windows of load with exact accounting: Locust as subprocesses, driven over a channel.

    with start_generator(spec) as generator:
        result = generator.run_window(WindowOrder(index=0, counts=(100, 50), rate=300), timeout_s=30)

Every request of an order is sent once and has one outcome; when `run_window` returns, nothing is in flight any more.
An app that keeps working on a request that timed out is beyond what a client can see: "timeout" in the outcomes tells.
The connections, one a user, stay open between windows, so that what they cost the app is constant.
"""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from harness.closing import Closing
from harness.errors import InputError, LoadError
from harness.load.catalogue import Catalogue
from harness.load.messages import (
    Begin,
    Broken,
    Done,
    FromLocust,
    Joined,
    Listening,
    Ready,
    ToLocust,
    Window,
    answer_from_line,
    to_line,
)
from harness.load.processes import LocustProcess, start_locust, stop_all
from harness.load.worker import worker_arguments
from harness.model.load import LoadSpec, WindowOrder, WindowResult

STOP_TIMEOUT_S = 1.0
READ_BYTES = 65536
ANY_ADDRESS = ("*", "0.0.0.0", "::")

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer", Listening, Ready, Done)


def start_generator(spec: LoadSpec, *, log_dir: Path | None = None, start_timeout_s: float = 60) -> LocustGenerator:
    """Starts Locust and returns when every user is logged in; use it as a context manager.

    The logs go to `log_dir` and stay there; without it they are kept only as long as the generator.
    Raises InputError if a request of the spec can't be made, LoadError if Locust, a worker or a login fails.
    """
    Catalogue(spec).try_all()
    generator = LocustGenerator(spec, log_dir)
    try:
        generator.start(start_timeout_s)
    except BaseException:
        generator.close()
        raise
    return generator


def remote_worker_command(spec: LoadSpec, port: int | None = None) -> str:
    """What to type on another machine that takes part in the load."""
    host = socket.gethostname() if spec.bind in ANY_ADDRESS else spec.bind
    return f"python -m harness.load.worker {host}:{port or spec.bind_port}"


class LocustGenerator(Closing):
    """A Locust process, or a master and its workers. Any error ends them all: no load goes on unseen."""

    def __init__(self, spec: LoadSpec, log_dir: Path | None) -> None:
        self._spec = spec
        self._log_dir = log_dir
        self._processes: list[LocustProcess] = []
        self._selector = selectors.DefaultSelector()
        self._received = bytearray()
        self._joined: list[str] = []
        self._closed = False

    @property
    def pids(self) -> tuple[int, ...]:
        """The first is the one that the harness speaks to."""
        return tuple(each.pid for each in self._processes)

    def start(self, timeout_s: float) -> None:
        """`start_generator` does this."""
        deadline = time.monotonic() + timeout_s
        distributed = self._spec.workers + self._spec.remote_workers > 1
        self._launch("master" if distributed else "users", _first_arguments(self._spec))
        self._send(Begin(spec=self._spec))
        if distributed:
            self._launch_workers(self._wait_for(Listening, deadline, self._explain_start).port)
        self._wait_for(Ready, deadline, self._explain_start)

    def run_window(self, order: WindowOrder, *, timeout_s: float) -> WindowResult:
        """Sends the order's requests and returns when all have their outcome; LoadError after `timeout_s`.

        After a LoadError, or an exception from a signal handler, the generator is closed.
        """
        if self._closed:
            raise LoadError("the load generator is closed", hint="start another one")
        if len(order.counts) != len(self._spec.endpoints):
            known = len(self._spec.endpoints)
            raise InputError(f"window {order.index} counts {len(order.counts)} endpoints, the spec has {known}")
        try:
            self._send(Window(order=order))
            return self._wait_for(Done, time.monotonic() + timeout_s, lambda: _explain_window(order, timeout_s)).result
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends every process; may be called again."""
        if self._closed:
            return
        self._closed = True
        self._selector.close()
        stop_all(self._processes, timeout_s=STOP_TIMEOUT_S)

    def _launch(self, name: str, arguments: list[str]) -> None:
        started = start_locust(name, arguments, log_dir=self._log_dir)
        self._processes.append(started)
        self._selector.register(started.channel, selectors.EVENT_READ, started)

    def _launch_workers(self, port: int) -> None:
        for number in range(1, self._spec.workers + 1):
            self._launch(f"worker-{number}", worker_arguments(_reachable(self._spec), port))
        if self._spec.remote_workers:
            command = remote_worker_command(self._spec, port)
            _log.info("waiting for %d remote workers: %s", self._spec.remote_workers, command)

    def _send(self, message: ToLocust) -> None:
        try:
            self._processes[0].channel.sendall(to_line(message))
        except OSError:
            self._fail_with_log(self._processes[0])

    def _wait_for(self, kind: type[_Answer], deadline: float, explain: Callable[[], LoadError]) -> _Answer:
        """The next answer of this kind. Raises `explain()` if it isn't there by the deadline."""
        while True:
            answer = self._next_answer(deadline)
            if answer is None:
                raise explain()
            if isinstance(answer, kind):
                return answer
            if isinstance(answer, Joined):
                self._joined.append(answer.worker)
            if isinstance(answer, Broken):
                error = InputError if answer.bad_input else LoadError
                raise error(answer.message, hint=answer.hint)

    def _next_answer(self, deadline: float) -> FromLocust | None:
        """None after the deadline. Raises LoadError if a process ended and nothing is left to be read."""
        while b"\n" not in self._received:
            readable = self._selector.select(max(0.0, deadline - time.monotonic()))
            if not readable:
                return None
            ended = [key.data for key, _ in readable if not self._receive(key.data)]
            if ended and b"\n" not in self._received:
                self._fail_with_log(ended[0])
        line, _, rest = self._received.partition(b"\n")
        self._received = rest
        return answer_from_line(bytes(line))

    def _receive(self, process: LocustProcess) -> bool:
        """False if the process ended."""
        try:
            received = process.channel.recv(READ_BYTES)
        except OSError:
            received = b""
        self._received += received
        return bool(received)

    def _fail_with_log(self, process: LocustProcess) -> NoReturn:
        end, tail = process.end(), process.log_tail()
        if "Address already in use" in tail:
            where = f"{self._spec.bind}:{self._spec.bind_port}"
            raise LoadError(f"the load's master can't listen on {where}: it is in use", hint="choose another bind_port")
        log = f"its log ends with:\n{tail}" if tail else "its log is empty"
        raise LoadError(
            f"Locust's process {process.name} (pid {process.pid}) {end}; {log}",
            hint="what it counted is lost: run again",
        )

    def _explain_start(self) -> LoadError:
        expected = self._spec.workers + self._spec.remote_workers
        if expected > 1 and len(self._joined) < expected:
            who = ", ".join(self._joined) or "none"
            return LoadError(
                f"{len(self._joined)} of {expected} load workers came in time ({who})",
                hint=f"start the missing ones, on any machine: {remote_worker_command(self._spec)}",
            )
        return LoadError(
            f"Locust's {self._spec.users} users were not ready in time",
            hint="give it longer, or fewer users; a login that hangs ends with the request timeout",
        )


def _first_arguments(spec: LoadSpec) -> list[str]:
    users = ["--users", str(spec.users), "--spawn-rate", str(spec.users)]
    expected = spec.workers + spec.remote_workers
    if expected == 1:
        return users
    host, port = (spec.bind, spec.bind_port) if spec.remote_workers else ("127.0.0.1", 0)
    bind = ["--master-bind-host", host, "--master-bind-port", str(port)]
    return ["--master", "--expect-workers", str(expected), *bind, *users]


def _reachable(spec: LoadSpec) -> str:
    """Where this machine's own workers find the master."""
    if not spec.remote_workers or spec.bind in ANY_ADDRESS:
        return "127.0.0.1"
    return spec.bind


def _explain_window(order: WindowOrder, timeout_s: float) -> LoadError:
    return LoadError(
        f"window {order.index} ({sum(order.counts)} requests) did not end within {timeout_s:g} s",
        hint="lower the rate or the request timeout, or give the window longer",
    )
