"""A TCP server whose connections follow a script: for every request its answer, and when to hang up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

HANG_UP = b""
READ_BYTES = 65536


class ScriptedServer:
    """`scripts[n]` are the answers of the n-th connection, in turn; HANG_UP closes it, and so does the script's end.

    `requests` are the bytes that were read, in the order of their arrival.
    """

    def __init__(self, *scripts: Sequence[bytes]) -> None:
        self.requests: list[bytes] = []
        self.hung_up = threading.Event()
        self._scripts = scripts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing alone would not wake a thread that waits for a connection.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        for script in self._scripts:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._follow(connection, script)
            self.hung_up.set()

    def _follow(self, connection: socket.socket, script: Sequence[bytes]) -> None:
        for answer in script:
            request = connection.recv(READ_BYTES)
            if not request:
                return
            self.requests.append(request)
            if answer == HANG_UP:
                return
            connection.sendall(answer)
