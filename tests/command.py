"""The command line as a test uses it: in this process, or as a program of its own where signals or time matter."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from unittest import mock

from harness.cli.main import main

PROGRAM = (sys.executable, "-c", "from harness.cli.main import main; main()")
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document that is all of stdout."""
        return json.loads(self.out)

    @property
    def verdicts(self) -> dict[str, str]:
        return {found["name"]: found["verdict"] for found in self.document["endpoints"]}


def hyperleak(*arguments: object) -> Finished:
    """Runs the command in this process."""
    out, err = io.StringIO(), io.StringIO()
    argv = mock.patch.object(sys, "argv", ["hyperleak", *map(str, arguments)])
    with argv, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            return Finished(int(ended.code or 0), out.getvalue(), err.getvalue())
    raise AssertionError("the command did not exit")


class Program:
    """The command as a program in a session of its own; what it says on stderr can be waited for. Killed at the end."""

    def __init__(self, *arguments: object, environment: Mapping[str, str] = os.environ) -> None:
        self._process = subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            cwd=ROOT,
            start_new_session=True,
            text=True,
        )
        self._texts = {"out": "", "err": ""}
        streams = {"out": self._process.stdout, "err": self._process.stderr}
        self._readers = [threading.Thread(target=self._read, args=each, daemon=True) for each in streams.items()]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, said: str, timeout_s: float = 60.0) -> None:
        """Until it has said this on stderr."""
        deadline_s = time.monotonic() + timeout_s
        while said not in self._texts["err"]:
            assert time.monotonic() < deadline_s, f"it never said {said!r}: {self._texts['err']}"
            assert self._process.poll() is None, f"it ended before it said {said!r}: {self._texts['err']}"
            time.sleep(0.01)

    def interrupt(self) -> None:
        """Ctrl-C at its terminal: SIGINT to all of its process group."""
        os.killpg(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """`kill -9` of the program itself, not of what it started."""
        self._process.kill()
        self._process.wait()

    def finish(self, timeout_s: float = 120.0) -> Finished:
        code = self._process.wait(timeout_s)
        for reader in self._readers:
            reader.join(10)
        return Finished(code, self._texts["out"], self._texts["err"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        for reader in self._readers:
            reader.join(10)

    def _read(self, name: str, stream: Any) -> None:
        with stream:
            for line in stream:
                self._texts[name] += line
