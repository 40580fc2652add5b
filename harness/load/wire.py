"""HTTP/1.1 requests as bytes, made once and sent many times. Nothing here opens a connection."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from harness.errors import InputError
from harness.load.template import Rendered

Headers = Iterable[tuple[str, str]]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True)
class Origin:
    """Where the requests go; `prefix` is the base URL's path, `authorization` what user:password@ stands for."""

    host: str
    port: int
    tls: bool
    prefix: str = ""
    authorization: str = ""

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host_header}"

    def target(self, rendered: Rendered) -> str:
        return self.prefix + rendered.target


def parse_origin(base_url: str) -> Origin:
    """Raises InputError if it is no http(s) URL."""
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError as error:
        raise _bad_url(base_url) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _bad_url(base_url)
    tls = parts.scheme == "https"
    credentials = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return Origin(
        host=parts.hostname,
        port=port or (443 if tls else 80),
        tls=tls,
        prefix=parts.path.rstrip("/"),
        authorization=f"Basic {b64encode(credentials.encode()).decode()}" if parts.username else "",
    )


@dataclass(frozen=True)
class Wire:
    """One request as bytes with room for the headers that belong to a user (login, cookies)."""

    method: str
    target: str
    head: bytes
    body: bytes
    header_names: frozenset[str]

    def complete(self, extra: bytes = b"") -> bytes:
        """All bytes of the request; `extra` are whole header lines."""
        return b"".join((self.head, extra, b"\r\n", self.body))


def to_wire(origin: Origin, rendered: Rendered) -> Wire:
    """Raises ValueError if method or headers can't be sent."""
    if not _TOKEN.fullmatch(rendered.method):
        raise ValueError(f"{rendered.method!r} is no HTTP method")
    target = origin.target(rendered)
    headers = _headers(origin, rendered)
    request_line = f"{rendered.method} {target} HTTP/1.1\r\n".encode("ascii")
    names = frozenset(name.lower() for name in headers)
    return Wire(rendered.method, target, request_line + header_lines(headers.items()), rendered.body, names)


def header_lines(headers: Headers, *, without: frozenset[str] = frozenset()) -> bytes:
    """Whole lines, but for those named (in lower case). Raises ValueError on what would break the request."""
    return b"".join(_line(name, value) for name, value in headers if name.lower() not in without)


def _headers(origin: Origin, rendered: Rendered) -> dict[str, str]:
    given = dict(rendered.headers)
    names = {name.lower() for name in given}
    defaults = {"Host": origin.host_header, "User-Agent": "hyperleak", "Accept": "*/*"}
    if origin.authorization:
        defaults["Authorization"] = origin.authorization
    if rendered.body or rendered.method in _METHODS_WITH_BODY:
        defaults["Content-Length"] = str(len(rendered.body))
    return {name: value for name, value in defaults.items() if name.lower() not in names} | given


def _line(name: str, value: str) -> bytes:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is no header name")
    if not _HEADER_VALUE.fullmatch(value):
        raise ValueError(f"header {name} has characters that can't be sent")
    return f"{name}: {value}\r\n".encode("latin-1")


def _bad_url(base_url: str) -> InputError:
    return InputError(f"{base_url!r} is not the address of an app", hint="write it like http://127.0.0.1:9501")
