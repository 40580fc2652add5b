"""A threaded HTTP server that remembers every request it received."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

SLOW_S = 1.0
LATE_S = 0.1
BIG = b"x" * 200_000


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path


class CountingServer:
    """`/status/N` gives N, `/late` and `/slow` after a while, `/drop` with nothing, `/half` in part; all else 200."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.connections = 0
        self.lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def finish(self) -> None:
        with self.lock:
            self.in_flight -= 1

    def take(self) -> list[Received]:
        """What was received since the last time, in order."""
        with self.lock:
            taken, self.received = self.received, []
        return taken

    def take_paths(self) -> Counter[str]:
        return Counter(each.path for each in self.take())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, counting: CountingServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.counting = counting

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: clients here are killed on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.counting.connections += 1

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""

    def _answer(self) -> None:
        counting = self.server.counting
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        received = Received(self.command, self.path, dict(self.headers.items()), body)
        with counting.lock:
            counting.received.append(received)
            counting.in_flight += 1
            counting.most_in_flight = max(counting.most_in_flight, counting.in_flight)
        self._respond(received)

    def _respond(self, received: Received) -> None:
        path = received.path
        if path.startswith("/status/"):
            self._send(int(path.removeprefix("/status/")), b"")
        elif path == "/late":
            time.sleep(LATE_S)
            self._send(200, b"ok")
        elif path == "/slow":
            time.sleep(SLOW_S)
            self._hang_up()
        elif path == "/drop":
            self._hang_up()
        elif path == "/half":
            self._send(200, b"half", length=8)
            self.close_connection = True
        elif path == "/login":
            self._log_in(received)
        else:
            self._send(200, BIG if path == "/big" else b"ok")

    def _hang_up(self) -> None:
        self.server.counting.finish()
        self.close_connection = True

    def _log_in(self, received: Received) -> None:
        password = json.loads(received.body)["password"]
        if password == "right":
            self._send(200, b'{"data": {"token": "t0ken"}}', cookie="session=s1; Path=/")
        else:
            self._send(403, b"who are you?")

    def _send(self, status: int, body: bytes, length: int | None = None, cookie: str = "") -> None:
        # Before the first byte: a client that has the whole answer must not find its request still in flight.
        self.server.counting.finish()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        if cookie:
            self.send_header("Set-Cookie", cookie)
        if 300 <= status < 400:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)
