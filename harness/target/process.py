"""Runs local processes as the target, under a supervisor that ends them all when the harness goes."""

from __future__ import annotations

import json
import os
import platform
import select
import shutil
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any, Self

from harness.closing import Closing
from harness.errors import InputError, TargetError
from harness.model.target import CommandSpec, TargetHandle, TargetState
from harness.target import supervisor
from harness.target.cleanup import Cleanup
from harness.target.container import LOG_NAME
from harness.target.labels import RunLabels, owner_environment, this_process
from harness.target.leftovers import kill_processes, processes_by_environment, processes_by_log
from harness.target.ready import wait_until_ready
from harness.target.workspace import make_workspace, mark_owner

_LOOPBACK = "127.0.0.1"
_START_TIMEOUT_S = 20.0
_END_TIMEOUT_S = supervisor.GRACE_S + 5.0
_TAIL_BYTES = 64 * 1024
_SIGKILL_EXIT = 137


class ProcessTarget(Closing):
    """Implements RunningTarget for a local command; `handle` is known once `become_ready` has returned."""

    handle: TargetHandle

    def __init__(self, supervised: Supervised, port: int, log: Path, cleanup: Cleanup) -> None:
        self._supervised = supervised
        self._port = port
        self._log = log
        self._cleanup = cleanup

    def become_ready(self, spec: CommandSpec) -> Self:
        ready_after_s = wait_until_ready(self, spec.ready)
        self.handle = TargetHandle(
            kind="command",
            base_url=f"http://{_LOOPBACK}:{self._port}",
            root_pid=self._supervised.pid,
            environment=_facts(spec) | {"ready_after_s": round(ready_after_s, 3)},
        )
        return self

    def port(self) -> int:
        return self._port

    def state(self) -> TargetState:
        exit_code = self._supervised.exit_code()
        if exit_code is None:
            return TargetState(running=True)
        detail = {
            0: "a server that puts itself in the background can't be measured: start it in the foreground",
            _SIGKILL_EXIT: "killed from outside (by the kernel for want of memory?)",
        }.get(exit_code, "")
        return TargetState(running=False, exit_code=exit_code, detail=detail)

    def logs_tail(self, lines: int = 50) -> str:
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, self._log.stat().st_size - _TAIL_BYTES))
                return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
        except OSError as error:
            return f"(its log can't be read: {error.strerror})"

    def close(self) -> None:
        self._cleanup.run()


class Supervised:
    """The supervisor as the harness sees it: it tells the command's pid and exit code, and stops when let go."""

    def __init__(self) -> None:
        self.pid = 0
        self._exit_code: int | None = None
        self._unread = b""
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def start(self, order: dict[str, Any]) -> None:
        """Raises TargetError where the command can't be executed."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        news = self._read(_START_TIMEOUT_S)
        if "pid" not in news:
            reason, file = news.get("error", "its supervisor gave no answer"), news.get("file") or order["command"][0]
            raise TargetError(
                f"the command {order['command'][0]!r} could not be started: {file}: {reason}",
                hint="correct target.command or target.cwd; a program's folder has to be in PATH",
            )
        self.pid = int(news["pid"])

    def exit_code(self) -> int | None:
        """128 + the signal's number for a killed command; None while it runs."""
        if self._exit_code is None:
            news = self._read(0)
            if "exit" in news:
                self._exit_code = int(news["exit"])
            elif self._process.poll() is not None:
                self._exit_code = _SIGKILL_EXIT
        return self._exit_code

    def stop(self) -> None:
        """Lets go and waits for the end of every descendant; a supervisor that hangs is killed. Keeps the exit code."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(_END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
            self.exit_code()

    def _read(self, timeout_s: float) -> dict[str, Any]:
        """The next piece of news; {} where none comes in time."""
        assert self._process.stdout is not None
        while b"\n" not in self._unread:
            readable, _, _ = select.select([self._process.stdout], [], [], timeout_s)
            chunk = os.read(self._process.stdout.fileno(), 4096) if readable else b""
            if not chunk:
                return {}
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        news: dict[str, Any] = json.loads(line)
        return news


def start_process(spec: CommandSpec, run: RunLabels, cleanup: Cleanup, log_dir: Path | None) -> ProcessTarget:
    """Raises InputError for what a local process can't have, TargetError where it doesn't become ready.

    What the command puts among the temporary files (TMPDIR, unless the scenario sets it) goes with it.
    """
    _check(spec)
    port = spec.port or free_port()
    _refuse_busy(port)
    folder = make_workspace(run)
    cleanup.add(f"folder {folder}", partial(shutil.rmtree, folder))
    log = (log_dir or folder) / LOG_NAME
    mark_owner(folder, run, log=log)
    cleanup.add(f"processes of run {run.run_id}", partial(_end_escaped, run.run_id, log))
    supervised = Supervised()
    cleanup.add(f"processes of run {run.run_id}", supervised.stop)
    temporary = folder / "tmp"
    temporary.mkdir()
    inherited = os.environ | {"TMPDIR": str(temporary)} | spec.environment
    injected = spec.injection.environment_over(inherited) if spec.injection else {}
    environment = inherited | injected | {spec.port_variable: str(port)} | owner_environment(run)
    supervised.start({"command": spec.command, "cwd": str(spec.cwd), "environment": environment, "log": str(log)})
    return ProcessTarget(supervised, port, log, cleanup).become_ready(spec)


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _check(spec: CommandSpec) -> None:
    if spec.memory_limit_bytes is not None or spec.cpus is not None:
        raise InputError(
            "a target of kind command runs as plain processes: memory_limit and cpus can't be kept there",
            hint="drop them, or run the app in a container (target.image, target.build or target.compose)",
        )
    if not spec.command:
        raise InputError("target.command is empty", hint="give the program and its arguments")
    if not spec.cwd.is_dir():
        raise InputError(f"target.cwd is not a folder: {spec.cwd}", hint="correct target.cwd")


def _refuse_busy(port: int) -> None:
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((_LOOPBACK, port)) == 0:
            raise TargetError(
                f"port {port} is taken: something listens on {_LOOPBACK}:{port} already",
                hint="stop it, or set target.port to 0 for a free port",
            )


def _end_escaped(run_id: str, log: Path) -> None:
    """Where the supervisor itself was killed, its orphans are found by their marks."""
    owner = this_process()
    ours = [p for p in processes_by_environment() if (p.run_id, p.owner) == (run_id, owner)]
    if left := kill_processes([*ours, *processes_by_log(log, run_id, owner)]):
        raise TargetError(f"still running: {', '.join(str(process.pid) for process in left)}")


def _facts(spec: CommandSpec) -> dict[str, Any]:
    program = shutil.which(spec.command[0], path=spec.environment.get("PATH"))
    return {
        "command": list(spec.command),
        "cwd": str(spec.cwd),
        "program": str(Path(program).resolve()) if program else None,
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "host_cpus": os.cpu_count(),
        "host_memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }
