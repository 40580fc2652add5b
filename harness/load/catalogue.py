"""The requests of a spec, ready to be sent: those without templates are bytes from the start."""

from __future__ import annotations

from harness.errors import InputError
from harness.load.template import RequestTemplate, compile_endpoint, compile_login, render_login_headers
from harness.load.wire import Headers, Wire, header_lines, parse_origin, to_wire
from harness.model.load import LoadSpec


class Catalogue:
    """Raises InputError at once if any request of the spec can't be made."""

    def __init__(self, spec: LoadSpec) -> None:
        self.origin = parse_origin(spec.base_url)
        self._login = spec.login
        self._templates = [compile_endpoint(endpoint, seed=spec.seed) for endpoint in spec.endpoints]
        self._login_template = compile_login(spec.login, seed=spec.seed) if spec.login else None
        self._constant = [self._wire(template, 0) if template.constant else None for template in self._templates]

    def request(self, endpoint: int, number: int, token: str | None = None) -> Wire:
        """The `number`-th request of the endpoint. Raises InputError."""
        return self._constant[endpoint] or self._wire(self._templates[endpoint], number, token)

    def is_constant(self, endpoint: int) -> bool:
        return self._constant[endpoint] is not None

    def login_request(self, user: int) -> Wire | None:
        """None if there is no login."""
        return self._wire(self._login_template, user) if self._login_template else None

    def login_headers(self, token: str) -> Headers:
        headers = tuple(render_login_headers(self._login, token)) if self._login else ()
        try:
            header_lines(headers)
        except ValueError as error:
            raise InputError(f"login: {error}", hint="correct the headers of the login") from error
        return headers

    def try_all(self) -> None:
        """Makes the first request of every endpoint, to find mistakes before anything is started."""
        token = "token" if self._login else None
        for endpoint in range(len(self._templates)):
            self.request(endpoint, 0, token)
        self.login_request(0)
        self.login_headers("token")

    def _wire(self, template: RequestTemplate, number: int, token: str | None = None) -> Wire:
        rendered = template.render(number, **({} if token is None else {"token": token}))
        try:
            return to_wire(self.origin, rendered)
        except ValueError as error:
            raise InputError(f"endpoint {template.name!r}: {error}", hint="correct its method or headers") from error
