"""One connection for one request at a time, in the harness's own process: the screening's way to ask."""

from __future__ import annotations

import http.client
import socket
import ssl

from harness.closing import Closing
from harness.errors import LoadError
from harness.load.catalogue import Catalogue
from harness.load.cookies import Cookies
from harness.load.login import read_token
from harness.load.wire import Headers, Wire, header_lines
from harness.model.load import LoadSpec


class SingleVisitor(Closing):
    """A user of the app with a connection, a cookie jar and a login of its own. Raises LoadError where login fails."""

    def __init__(self, spec: LoadSpec, catalogue: Catalogue, user: int) -> None:
        self._spec = spec
        self._catalogue = catalogue
        self._cookies = Cookies(catalogue.origin.url)
        self._resets = _reset_catalogue(spec)
        self._socket: socket.socket | None = None
        self._token: str | None = None
        self._login_headers: Headers = ()
        self._log_in(user)

    def send(self, endpoint: int, number: int) -> int | None:
        """The status of the `number`-th request of the endpoint, its body read; None where the connection broke."""
        return self._send(self._catalogue.request(endpoint, number, self._token))

    def reset(self, endpoint: int, number: int) -> None:
        """Sends the endpoint's reset request, if it has one."""
        if self._spec.endpoints[endpoint].reset is not None:
            self._send(self._resets.request(endpoint, number, self._token))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, wire: Wire) -> int | None:
        headers = (*self._login_headers, *self._cookies.header(wire.target))
        try:
            return self._exchange(wire, header_lines(headers, without=wire.header_names))[0]
        except (OSError, http.client.HTTPException):
            self.close()
            return None

    def _log_in(self, user: int) -> None:
        login, wire = self._spec.login, self._catalogue.login_request(user)
        if login is None or wire is None:
            return
        try:
            status, body = self._exchange(wire, b"")
        except (OSError, http.client.HTTPException) as error:
            raise LoadError(
                f"login {wire.method} {login.request.path} at {self._catalogue.origin.url} got no answer: {error!r}",
                hint="check that the app answers there, and within the request timeout",
            ) from error
        self._token = read_token(login, status, body)
        self._login_headers = self._catalogue.login_headers(self._token)

    def _exchange(self, wire: Wire, extra: bytes) -> tuple[int, bytes]:
        if self._socket is None:
            self._socket = self._connect()
        self._socket.sendall(wire.complete(extra))
        answer = http.client.HTTPResponse(self._socket, method=wire.method)
        try:
            answer.begin()
            body = answer.read()
        finally:
            answer.close()
        if cookies := answer.headers.get_all("Set-Cookie"):
            self._cookies.keep(wire.target, cookies)
        if answer.will_close:
            self.close()
        return answer.status, body

    def _connect(self) -> socket.socket:
        origin = self._catalogue.origin
        opened = socket.create_connection((origin.host, origin.port), timeout=self._spec.request_timeout_s)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not origin.tls:
            return opened
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(opened, server_hostname=origin.host)


def _reset_catalogue(spec: LoadSpec) -> Catalogue:
    """The reset requests at the places of their endpoints; where there is none, the endpoint's own, never sent."""
    endpoints = tuple(
        endpoint.model_copy(update={"request": endpoint.reset or endpoint.request}) for endpoint in spec.endpoints
    )
    return Catalogue(spec.model_copy(update={"endpoints": endpoints}))
