"""A web hook and a mail server that keep what they are sent."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class WebHook:
    """Answers every POST with `status` and keeps its JSON."""

    def __init__(self, port: int, status: int) -> None:
        self.port = port
        self.status = status
        self.documents: list[Any] = []

    def url(self, path: str = "hook") -> str:
        return f"json://127.0.0.1:{self.port}/{path}"


@contextmanager
def web_hook(status: int = 200) -> Iterator[WebHook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.documents.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(hook.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook = WebHook(server.server_address[1], status)
        with _serving(server):
            yield hook


class Mails(list[str]):
    """Whole messages; `port` is where the server listens."""

    port = 0


@contextmanager
def mail_server() -> Iterator[Mails]:
    """As much of SMTP (RFC 5321) as a client needs that has no password."""
    mails = Mails()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 ready")
            for line in self.rfile:
                verb = line[:4].upper()
                if verb == b"DATA":
                    self._say("354 go on")
                    mails.append(self._message())
                self._say("221 bye" if verb == b"QUIT" else "250 ok")
                if verb == b"QUIT":
                    return

        def _message(self) -> str:
            lines = iter(self.rfile.readline, b".\r\n")
            return b"".join(lines).decode()

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        mails.port = server.server_address[1]
        with _serving(server):
            yield mails


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
