"""One user's keep-alive connection: a request is sent once and its outcome is exact.

Sockets and HTTP parser are those of Locust's FastHttpUser (gevent, geventhttpclient). Its request function is not used:
it sends a request again, up to eleven times, when a connection breaks before the answer, and it looks for idle
connections that were closed with select(2), which can't see file descriptors above 1023.

A server may close an idle connection (a worker is recycled, a keep-alive timeout ends). That is seen before the next
request is sent, and a new connection is opened. If both happen at once, the request meets a closed socket. Then, and
only if TCP says that the peer took not one byte of it, it is sent again on a new connection: the app has never seen
it. Every other broken connection is an outcome, since the app may have worked on the request. (Through a proxy, such as
Docker's for published ports, TCP can't say that, and the rare meeting is counted as "connection".)
"""

from __future__ import annotations

import errno
import ssl
import struct
from collections.abc import Sequence
from select import POLLIN

import gevent
from gevent import monkey, socket
from gevent import ssl as gevent_ssl
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError, HTTPSocketPoolResponse

from harness.load.wire import Origin

READ_BYTES = 65536
BYTES_ACKED_OFFSET = 120  # u64 tcpi_bytes_acked in Linux' struct tcp_info (RFC 4898), since Linux 4.1

_ACKED = struct.Struct("=Q")
# Only ever asked about this moment, for which gevent's own poll would go through its loop.
_Poll = monkey.get_original("select", "poll")


class Answer(HTTPSocketPoolResponse):  # type: ignore[misc]
    """A response with its `body`; a connection that ends too early is HTTPConnectionClosed."""

    body: bytes = b""

    def feed(self, data: bytes) -> None:
        try:
            super().feed(data)
        except HTTPParseError:
            if data:
                raise
        if not data and not self.message_complete:
            raise HTTPConnectionClosed("the connection was closed before the end of the answer")

    @property
    def status(self) -> int:
        return int(self.get_code())

    @property
    def set_cookie(self) -> Sequence[str]:
        lines: list[str] = self.info().getlist("set-cookie") if "set-cookie" in self else []
        return lines


class BodilessAnswer(Answer):
    """A response whose body is read and thrown away, so that large ones don't gather in the generator."""

    def _on_body(self, _: bytes) -> None:
        pass


class RequestTimeout(gevent.Timeout):  # type: ignore[misc]
    """The answer was not there in time."""


class Connection:
    """At most one open socket. `return_socket` and `release_socket` are what a response calls when it has ended."""

    def __init__(self, origin: Origin, *, timeout_s: float) -> None:
        self._origin = origin
        self._timeout_s = timeout_s
        self._tls = _tls_context() if origin.tls else None
        self._socket: socket.socket | None = None
        self._idle = _Poll()
        self._acked_before: int | None = None
        self._untouched = False

    def exchange(self, request: bytes, method: str, answer_type: type[Answer] = BodilessAnswer) -> Answer:
        """Sends the request once and reads the whole answer, within the timeout altogether.

        Raises what `outcome_of` has names for.
        """
        with RequestTimeout(self._timeout_s):
            try:
                return self._attempt(request, method, answer_type)
            except HTTPConnectionClosed:
                if not self._untouched:
                    raise
            return self._attempt(request, method, answer_type)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def return_socket(self, used: socket.socket) -> None:
        self._socket = used

    def release_socket(self, broken: socket.socket) -> None:
        self._untouched = self._acked_before is not None and _acked_bytes(broken) == self._acked_before
        broken.close()

    def _attempt(self, request: bytes, method: str, answer_type: type[Answer]) -> Answer:
        used = self._take()
        try:
            used.sendall(request)
        except BaseException as error:
            # A server that refuses a long body may have answered before it closed: the answer is read below.
            if getattr(error, "errno", None) not in (errno.EPIPE, errno.ECONNRESET):
                used.close()
                raise
        answer = answer_type(used, self, block_size=READ_BYTES, method=method)
        answer.body = answer.read()
        return answer

    def _take(self) -> socket.socket:
        """The idle socket if it is still good, else a new one."""
        self._acked_before, self._untouched = None, False
        idle, self._socket = self._socket, None
        if idle is not None and self._is_quiet():
            self._acked_before = _acked_bytes(idle)
            return idle
        if idle is not None:
            idle.close()
        return self._open()

    def _is_quiet(self) -> bool:
        """Nothing to read from an idle connection: neither its end nor bytes that nobody asked for."""
        return not self._idle.poll(0)

    def _open(self) -> socket.socket:
        opened = socket.create_connection((self._origin.host, self._origin.port))
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                opened = self._tls.wrap_socket(opened, server_hostname=self._origin.host)
        except BaseException:
            opened.close()
            raise
        self._idle = _Poll()
        self._idle.register(opened.fileno(), POLLIN)
        return opened


def outcome_of(error: BaseException) -> str | None:
    """The name of a transport error: timeout, tls, connection (refused, broken, closed), protocol (no HTTP).

    None: no outcome of a request but a mistake somewhere else.
    """
    if isinstance(error, RequestTimeout | TimeoutError):
        return "timeout"
    if isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, OSError | HTTPConnectionClosed):
        return "connection"
    return "protocol" if isinstance(error, HTTPParseError) else None


def _acked_bytes(used: socket.socket) -> int | None:
    """How many bytes the peer's TCP has taken so far; None where the system doesn't tell."""
    try:
        info = used.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES_ACKED_OFFSET + 8)
        return int(_ACKED.unpack_from(info, BYTES_ACKED_OFFSET)[0])
    except (OSError, struct.error):
        return None


def _tls_context() -> ssl.SSLContext:
    """Encrypts and doesn't verify, as Locust's own users: targets under test have certificates of their own making."""
    context: ssl.SSLContext = gevent_ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
