"""Requests as bytes."""

from __future__ import annotations

import pytest

from harness.errors import InputError
from harness.load.template import Rendered
from harness.load.wire import header_lines, parse_origin, to_wire


def lines(base_url: str, rendered: Rendered, extra: bytes = b"") -> tuple[list[str], bytes]:
    head, _, body = to_wire(parse_origin(base_url), rendered).complete(extra).partition(b"\r\n\r\n")
    return head.decode("latin-1").split("\r\n"), body


def test_a_get_has_host_and_no_length() -> None:
    head, body = lines("http://127.0.0.1:9501", Rendered("GET", "/a?b=1", (), b""))
    assert head == ["GET /a?b=1 HTTP/1.1", "Host: 127.0.0.1:9501", "User-Agent: hyperleak", "Accept: */*"]
    assert body == b""


def test_a_post_always_has_a_length() -> None:
    assert "Content-Length: 0" in lines("http://h", Rendered("POST", "/", (), b""))[0]
    head, body = lines("http://h", Rendered("POST", "/", (), b"abc"), extra=b"X: y\r\n")
    assert head[-2:] == ["Content-Length: 3", "X: y"]
    assert body == b"abc"


def test_the_requests_own_headers_win_over_the_defaults() -> None:
    head, _ = lines("http://me:p%40ss@h", Rendered("GET", "/", (("host", "other"), ("Accept", "x")), b""))
    assert head[1:] == ["User-Agent: hyperleak", "Authorization: Basic bWU6cEBzcw==", "host: other", "Accept: x"]


@pytest.mark.parametrize(
    ("url", "host", "port", "header", "prefix"),
    [
        ("http://localhost", "localhost", 80, "localhost", ""),
        ("https://h/api/", "h", 443, "h", "/api"),
        ("https://h:80", "h", 80, "h:80", ""),
        ("http://[::1]:9501/", "::1", 9501, "[::1]:9501", ""),
    ],
)
def test_origins(url: str, host: str, port: int, header: str, prefix: str) -> None:
    origin = parse_origin(url)
    assert (origin.host, origin.port, origin.host_header, origin.prefix) == (host, port, header, prefix)
    assert origin.target(Rendered("GET", "/x", (), b"")) == f"{prefix}/x"


@pytest.mark.parametrize("url", ["", "localhost:80", "ftp://h", "http://", "http://h:99999", "http://[x"])
def test_what_is_no_address_is_said_to_be_none(url: str) -> None:
    with pytest.raises(InputError, match="is not the address of an app"):
        parse_origin(url)


@pytest.mark.parametrize(
    "rendered",
    [
        Rendered("GET", "/", (("X", "a\r\nInjected: 1"),), b""),
        Rendered("GET", "/", (("X\n", "a"),), b""),
        Rendered("GET", "/", (("X", "€"),), b""),
        Rendered("GE T", "/", (), b""),
    ],
)
def test_what_would_break_the_request_is_refused(rendered: Rendered) -> None:
    with pytest.raises(ValueError, match=r"header|method"):
        to_wire(parse_origin("http://h"), rendered)


def test_header_lines_leave_out_what_the_request_has_itself() -> None:
    given = (("Authorization", "Bearer t"), ("X-Id", "1"))
    assert header_lines(given, without=frozenset({"authorization"})) == b"X-Id: 1\r\n"
