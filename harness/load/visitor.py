"""A user of the app: one connection, one cookie jar, one login."""

from __future__ import annotations

from time import perf_counter

from harness.errors import LoadError
from harness.load.catalogue import Catalogue
from harness.load.connection import Answer, Connection, RequestTimeout, outcome_of
from harness.load.cookies import Cookies
from harness.load.login import read_token
from harness.load.tickets import Ticket
from harness.load.wire import Headers, Wire, header_lines
from harness.model.load import LoadSpec


class Visitor:
    def __init__(self, spec: LoadSpec, catalogue: Catalogue) -> None:
        self._spec = spec
        self._catalogue = catalogue
        self._connection = Connection(catalogue.origin, timeout_s=spec.request_timeout_s)
        self._cookies = Cookies(catalogue.origin.url)
        self._has_cookies = False
        self._token: str | None = None
        self._login_headers: Headers = ()
        self._ready: dict[int, tuple[Wire, bytes]] = {}

    def log_in(self, user: int) -> None:
        """Raises LoadError if there is a login and the app refuses it."""
        login, wire = self._spec.login, self._catalogue.login_request(user)
        if login is None or wire is None:
            return
        try:
            answer = self._connection.exchange(wire.complete(), wire.method, Answer)
        except (Exception, RequestTimeout) as error:
            raise LoadError(
                f"login {wire.method} {login.request.path} at {self._catalogue.origin.url} got no answer: "
                f"{outcome_of(error) or error!r}",
                hint="check that the app answers there, and within the request timeout",
            ) from error
        self._keep_cookies(wire, answer)
        self._token = read_token(login, answer.status, answer.body)
        self._login_headers = self._catalogue.login_headers(self._token)

    def send(self, ticket: Ticket) -> tuple[str, float]:
        """Sends the ticket's request; its outcome (HTTP status or transport error) and its latency in seconds.

        The latency is from sending to the body's end. Raises InputError if the request can't be made.
        """
        wire, request = self._ready.get(ticket.endpoint) or self._prepare(ticket)
        started = perf_counter()
        try:
            answer = self._connection.exchange(request, wire.method)
        except (Exception, RequestTimeout) as error:
            outcome = outcome_of(error)
            if outcome is None:
                raise
            return outcome, perf_counter() - started
        latency_s = perf_counter() - started
        self._keep_cookies(wire, answer)
        return str(answer.status), latency_s

    def _prepare(self, ticket: Ticket) -> tuple[Wire, bytes]:
        wire = self._catalogue.request(ticket.endpoint, ticket.number, self._token)
        extra = header_lines(self._login_headers, without=wire.header_names)
        if self._has_cookies:
            extra += header_lines(self._cookies.header(wire.target), without=wire.header_names)
        prepared = wire, wire.complete(extra)
        if self._catalogue.is_constant(ticket.endpoint):
            self._ready[ticket.endpoint] = prepared
        return prepared

    def _keep_cookies(self, wire: Wire, answer: Answer) -> None:
        if answer.set_cookie:
            self._cookies.keep(wire.target, answer.set_cookie)
            self._has_cookies = True
            self._ready.clear()
