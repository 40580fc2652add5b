"""The compose program: the engine's plugin, else the standalone one."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import EngineError
from harness.target.engine import engine_host

_CANDIDATES = (("docker", "compose"), ("docker-compose",))
_QUESTION_TIMEOUT_S = 30


@dataclass(frozen=True)
class Finished:
    """`output` is both streams of a program that has ended; `exit_code` None: it took too long."""

    exit_code: int | None
    output: str


@dataclass(frozen=True)
class ComposeProgram:
    command: tuple[str, ...]
    version: str

    def ask(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """A question that ends soon, like `config`."""
        return _ask([*self.command, *arguments])

    def run(self, arguments: Sequence[str], log: Path, timeout_s: float) -> Finished:
        """Runs to the end, appending both streams to the log; whatever interrupts the wait ends the program."""
        with log.open("ab+") as file:
            began = file.seek(0, os.SEEK_END)
            process = subprocess.Popen(
                [*self.command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                env=_environment(),
            )
            exit_code = _wait(process, timeout_s)
            file.seek(began)
            return Finished(exit_code, file.read().decode("utf-8", "replace"))


def find_compose() -> ComposeProgram:
    """Raises EngineError where there is none."""
    for command in _CANDIDATES:
        try:
            answer = _ask([*command, "version", "--short"])
        except OSError:
            continue
        if answer.returncode == 0 and answer.stdout.strip():
            return ComposeProgram(command, answer.stdout.strip())
    raise EngineError(
        "neither `docker compose` nor `docker-compose` is here, and the target is a compose service",
        hint="install the package docker-compose-plugin (Docker's own) or docker-compose (the distribution's)",
    )


def _ask(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=_QUESTION_TIMEOUT_S, env=_environment()
    )


def _environment() -> dict[str, str]:
    """The same engine as ours; no project, profile or file of the caller's environment."""
    kept = {name: text for name, text in os.environ.items() if name not in ("COMPOSE_FILE", "COMPOSE_PROJECT_NAME")}
    return kept | {"DOCKER_HOST": engine_host(), "COMPOSE_ANSI": "never", "COMPOSE_PROGRESS": "plain"}


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    try:
        return process.wait(timeout_s)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            return None
        raise
