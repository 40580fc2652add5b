"""The wait for a target, with a clock and a target of our own."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from harness.errors import TargetError
from harness.model.target import ReadyCheck, TargetState
from harness.target.ready import Answer, describe_exit, get, wait_until_ready, with_log

REFUSED = Answer(None, "nothing listens on its port")


class Scripted:
    """A target that gives one answer after the other, the last for ever; time passes only when it is slept."""

    def __init__(self, answers: list[Answer], ends: TargetState | None = None, port: int | None = 1234) -> None:
        self.answers = answers
        self.ends = ends or TargetState(running=True)
        self.now_s = 0.0
        self._port = port

    def port(self) -> int | None:
        return self._port

    def state(self) -> TargetState:
        return TargetState(running=True) if len(self.answers) > 1 else self.ends

    def logs_tail(self, lines: int = 50) -> str:
        return "PHP Fatal error: no such class\n"

    def ask(self, port: int, path: str, timeout_s: float) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def wait(self, check: ReadyCheck, hint: str = "") -> float:
        return wait_until_ready(self, check, hint=hint, ask=self.ask, clock=lambda: self.now_s, sleep=self.sleep)


@pytest.mark.parametrize(
    ("status", "wanted", "ready"),
    [(200, None, True), (302, None, True), (404, None, True), (499, None, True), (500, None, False), (503, None, False),
     (200, 200, True), (204, 200, False), (503, 503, True)],
)  # fmt: skip
def test_ready_is_the_wanted_status_or_anything_below_500(status: int, wanted: int | None, ready: bool) -> None:
    assert Answer(status).satisfies(ReadyCheck(status=wanted)) is ready


def test_no_answer_is_never_ready() -> None:
    assert not REFUSED.satisfies(ReadyCheck())


def test_a_target_that_comes_up_is_waited_for() -> None:
    target = Scripted([REFUSED, REFUSED, Answer(503), Answer(200)])
    assert 0 < target.wait(ReadyCheck()) < 1


def test_a_dead_target_is_not_waited_for() -> None:
    target = Scripted([REFUSED, REFUSED], ends=TargetState(running=False, exit_code=255, detail="no such image"))
    with pytest.raises(TargetError) as caught:
        target.wait(ReadyCheck(timeout_s=60))
    assert "exited with 255" in caught.value.message
    assert "no such image" in caught.value.message
    assert "  | PHP Fatal error: no such class" in caught.value.message
    assert target.now_s < 1


def test_a_target_killed_for_memory_is_told_to_get_more() -> None:
    ended = TargetState(running=False, exit_code=137, oom_kills=1, detail="killed for memory (limit 8 MiB)")
    with pytest.raises(TargetError, match=r"exited with 137 \(SIGKILL\).*killed for memory") as caught:
        Scripted([REFUSED], ends=ended).wait(ReadyCheck())
    assert "memory_limit" in caught.value.hint


@pytest.mark.parametrize(
    ("last", "said"),
    [(Answer(503), "the answer was 503"), (REFUSED, "nothing listens on its port")],
)
def test_when_the_time_is_over_the_last_answer_is_told(last: Answer, said: str) -> None:
    target = Scripted([last])
    with pytest.raises(TargetError) as caught:
        target.wait(ReadyCheck(path="/health", timeout_s=3), hint="listen on 0.0.0.0")
    assert said in caught.value.message
    assert "GET /health should answer a status below 500" in caught.value.message
    assert caught.value.hint.startswith("listen on 0.0.0.0")
    assert 3 <= target.now_s <= 4


def test_a_port_that_never_gets_published_is_told() -> None:
    with pytest.raises(TargetError, match="its port is not published"):
        Scripted([REFUSED], port=None).wait(ReadyCheck(timeout_s=1))


@pytest.mark.parametrize(
    ("code", "said"),
    [(0, "exited with 0"), (1, "exited with 1"), (137, "exited with 137 (SIGKILL)"), (139, "exited with 139 (SIGSEGV)"),
     (255, "exited with 255"), (128, "exited with 128"), (None, "ended")],
)  # fmt: skip
def test_exit_codes_over_128_name_their_signal(code: int | None, said: str) -> None:
    assert describe_exit(code) == said


def test_a_silent_target_is_said_to_be_silent() -> None:
    assert with_log("it died", " \n") == "it died\n  it wrote nothing to its log"


@contextmanager
def _listening(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """One connection, treated as `behave` does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                behave(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


def test_a_get_gives_the_status_and_follows_no_redirect() -> None:
    class Moved(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302 if self.path == "/a?b=1" else 500)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    with http.server.HTTPServer(("127.0.0.1", 0), Moved) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert get(server.server_port, "/a?b=1", 5) == Answer(302)
        thread.join(5)


@pytest.mark.parametrize(
    ("behave", "problem"),
    [
        (lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n"), "doesn't speak HTTP"),
        (lambda connection: None, "closed without an answer"),
        (lambda connection: connection.recv(1), "no answer within 300ms"),
    ],
)
def test_a_get_says_why_no_status_came(behave: Callable[[socket.socket], None], problem: str) -> None:
    with _listening(behave) as port:
        answer = get(port, "/", 0.3)
    assert answer.status is None
    assert problem in answer.problem


def test_a_get_on_a_closed_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert get(port, "/", 1) == REFUSED
