"""One connection: every request has one outcome, and reaches the app at most once."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

import pytest

from harness.load.connection import Answer, Connection, RequestTimeout, outcome_of
from harness.load.wire import Origin
from tests.unit.load.scripted_server import HANG_UP, ScriptedServer

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def connect(port: int, kind: type[Connection] = Connection, *, timeout_s: float = 2) -> Connection:
    return kind(Origin("127.0.0.1", port, tls=False), timeout_s=timeout_s)


def outcome(connection: Connection, request: bytes = GET, method: str = "GET") -> str | None:
    try:
        return str(connection.exchange(request, method).status)
    except (Exception, RequestTimeout) as error:
        return outcome_of(error)


def outcomes(requests: int, *scripts: Sequence[bytes]) -> tuple[list[str | None], int]:
    """What `requests` in a row on one connection end in, and how many the server has read."""
    with ScriptedServer(*scripts) as server:
        connection = connect(server.port)
        found = [outcome(connection) for _ in range(requests)]
        connection.close()
    return found, len(server.requests)


def test_requests_share_a_connection() -> None:
    assert outcomes(3, [OK, OK, OK]) == (["200"] * 3, 3)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    ],
)
def test_a_connection_that_the_server_ends_is_followed_by_another(answer: bytes) -> None:
    assert outcomes(2, [answer], [answer]) == (["200", "200"], 2)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
)
def test_answers_of_other_forms(answer: bytes) -> None:
    expected = answer.rsplit(b"HTTP/1.1 ", 1)[1][:3].decode()
    assert outcomes(2, [answer, answer]) == ([expected] * 2, 2)


def test_redirects_are_not_followed() -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    assert outcomes(1, [answer, OK]) == (["302"], 1)


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ([HANG_UP], "connection"),
        ([b"HTTP/1.1 200 OK\r\nContent-Le"], "connection"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"], "connection"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok"], "connection"),
        ([b"220 mail.example.org ESMTP\r\n"], "protocol"),
    ],
)
def test_a_broken_answer_is_an_outcome_and_nothing_is_sent_again(script: list[bytes], found: str) -> None:
    assert outcomes(1, script, [OK]) == ([found], 1)


def test_an_app_that_dies_of_a_request_on_an_old_connection_is_not_asked_again() -> None:
    assert outcomes(3, [OK, HANG_UP], [OK]) == (["200", "connection", "200"], 3)


def test_nobody_listening_is_a_connection_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert outcome(connect(port)) == "connection"


def test_an_idle_connection_that_was_closed_is_replaced_before_the_next_request() -> None:
    with ScriptedServer([OK], [OK]) as server:
        connection = connect(server.port)
        assert outcome(connection) == "200"
        assert server.hung_up.wait(2)
        assert outcome(connection) == "200"
        connection.close()
    assert len(server.requests) == 2


class Unsuspecting(Connection):
    """Sends on an idle connection without looking, as if the server closed it in that very moment."""

    def _is_quiet(self) -> bool:
        return True


def test_a_request_that_meets_a_closed_socket_is_sent_again_since_the_app_never_saw_it() -> None:
    with ScriptedServer([OK], [OK]) as server:
        connection = connect(server.port, Unsuspecting)
        assert outcome(connection) == "200"
        assert server.hung_up.wait(2)
        assert outcome(connection) == "200"
        connection.close()
    assert len(server.requests) == 2


def test_without_word_from_tcp_a_request_on_a_closed_socket_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.load.connection._acked_bytes", lambda _: None)
    with ScriptedServer([OK], [OK]) as server:
        connection = connect(server.port, Unsuspecting)
        assert outcome(connection) == "200"
        assert server.hung_up.wait(2)
        assert outcome(connection) == "connection"
        assert outcome(connection) == "200"
        connection.close()


def test_the_timeout_bounds_the_whole_exchange_and_not_each_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = connect(listener.getsockname()[1], timeout_s=0.2)
        started = time.monotonic()
        assert outcome(connection) == "timeout"
        assert 0.15 < time.monotonic() - started < 1
        connection.close()


def test_a_body_is_read_to_its_end_and_kept_only_if_asked_for() -> None:
    body = b"x" * 200_000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + body
    with ScriptedServer([answer, answer, OK]) as server:
        connection = connect(server.port)
        assert connection.exchange(GET, "GET").body == b""
        assert connection.exchange(GET, "GET", Answer).body == body
        assert connection.exchange(GET, "GET", Answer).body == b"ok"
        connection.close()
