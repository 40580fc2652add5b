"""The resident app as plain processes of this machine."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SERVER = Path(__file__).parents[2] / "compose/resident/server.php"
START_LINE = re.compile(r"http://127\.0\.0\.1:(\d+),")


class Resident:
    """Starts on a free port, with the settings as environment variables; stops at the end of the `with`."""

    def __init__(self, **settings: int | str) -> None:
        wanted: dict[str, int | str] = {"PORT": 0, "WORKERS": 1, "RESIDENT_DEBUG_HEAP": 1, **settings}
        self.process = subprocess.Popen(
            ["php", str(SERVER)],
            env={**os.environ, **{name: str(value) for name, value in wanted.items()}},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = START_LINE.search(line)
        if found is None:
            self.stop()
            raise RuntimeError(f"the resident app did not start: {line}")
        self.port = int(found[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> int:
        """Sends SIGTERM; returns the exit code. Can be called again."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=15)
        finally:
            self.process.kill()
            if self.process.stderr is not None:
                self.process.stderr.close()

    def children(self) -> list[int]:
        master = self.process.pid
        return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]

    def connect(self) -> Client:
        return Client(self.port)


class Client:
    """One keep-alive connection, opened again where the server closes it."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def get(self, path: str) -> tuple[int, bytes]:
        return self.send("GET", path)

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        return response.status, response.read()

    def json(self, path: str) -> Any:
        return json.loads(self.get(path)[1])

    def heap_bytes(self) -> int:
        heap: int = self.json("/__heap")["heap_bytes"]
        return heap

    def pid(self) -> int:
        pid: int = self.json("/__heap")["pid"]
        return pid


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie that nobody has buried yet counts)."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return status.rsplit(")", 1)[1].split()[0] == "Z"


def wait_until(condition: Any, seconds: float = 3.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())
