"""Waiting until a target answers, and telling early and plainly why it never will."""

from __future__ import annotations

import http.client
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import TargetError
from harness.model.target import ReadyCheck, TargetState
from harness.target.protocol import Watched
from harness.units import format_duration

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5
_REQUEST_TIMEOUT_S = 10.0
_SHORTEST_REQUEST_S = 0.1
_SIGNAL_EXIT = 128


@dataclass(frozen=True)
class Answer:
    """One try: the HTTP status, or None and the problem that kept it from coming."""

    status: int | None
    problem: str = ""

    def satisfies(self, check: ReadyCheck) -> bool:
        if self.status is None:
            return False
        return self.status == check.status if check.status is not None else self.status < 500


def wait_until_ready(
    target: Watched,
    check: ReadyCheck,
    *,
    hint: str = "",
    ask: Callable[[int, str, float], Answer] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Seconds until `GET path` on the target's port was answered as the check wants it.

    Raises TargetError as soon as the target has ended, or when the check's time is over; both with the end of its log.
    `hint` is what to look at first when the time is over.
    """
    ask = ask or get
    began_s = clock()
    pause_s = _FIRST_PAUSE_S
    while True:
        left_s = began_s + check.timeout_s - clock()
        port = target.port()
        patience_s = min(_REQUEST_TIMEOUT_S, max(_SHORTEST_REQUEST_S, left_s))
        answer = Answer(None, "its port is not published") if port is None else ask(port, check.path, patience_s)
        if answer.satisfies(check):
            return clock() - began_s
        state = target.state()
        if not state.running:
            raise _ended(target, state, clock() - began_s)
        if clock() - began_s >= check.timeout_s:
            raise _too_late(target, answer, check, hint)
        sleep(pause_s)
        pause_s = min(_LONGEST_PAUSE_S, pause_s * 1.5)


def get(port: int, path: str, timeout_s: float) -> Answer:
    """One GET on 127.0.0.1; redirects are not followed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        return Answer(connection.getresponse().status)
    except ConnectionRefusedError:
        return Answer(None, "nothing listens on its port")
    except (ConnectionError, http.client.RemoteDisconnected):
        return Answer(None, "the connection was closed without an answer (nothing listens on the port inside?)")
    except TimeoutError:
        return Answer(None, f"no answer within {format_duration(timeout_s)}")
    except http.client.HTTPException as error:
        return Answer(None, f"what answers doesn't speak HTTP ({type(error).__name__})")
    except OSError as error:
        return Answer(None, error.strerror or str(error))
    finally:
        connection.close()


def describe_exit(exit_code: int | None) -> str:
    """ "exited with 137 (SIGKILL)": codes over 128 are signals, as shells and engines count them."""
    if exit_code is None:
        return "ended"
    try:
        name = f" ({signal.Signals(exit_code - _SIGNAL_EXIT).name})" if exit_code > _SIGNAL_EXIT else ""
    except ValueError:
        name = ""
    return f"exited with {exit_code}{name}"


def with_log(message: str, log: str) -> str:
    """The message, and under it the log's last lines with a margin."""
    if not log.strip():
        return f"{message}\n  it wrote nothing to its log"
    quoted = "\n".join(f"  | {line}" for line in log.rstrip().splitlines())
    return f"{message}\n  the end of its log:\n{quoted}"


def _ended(target: Watched, state: TargetState, after_s: float) -> TargetError:
    message = f"the target {describe_exit(state.exit_code)} after {format_duration(after_s)}, before it was ready"
    if state.detail:
        message += f": {state.detail}"
    hint = "raise its memory_limit" if state.oom_kills else "start it by hand with the same command and environment"
    return TargetError(with_log(message, target.logs_tail()), hint=hint)


def _too_late(target: Watched, answer: Answer, check: ReadyCheck, hint: str) -> TargetError:
    wanted = str(check.status) if check.status is not None else "a status below 500"
    seen = answer.problem if answer.status is None else f"the answer was {answer.status}"
    message = (
        f"the target was not ready after {format_duration(check.timeout_s)}: "
        f"GET {check.path} should answer {wanted}, but {seen}"
    )
    hint = f"{hint or 'see that the app listens on the port it is given'}, or correct the ready check or its timeout"
    return TargetError(with_log(message, target.logs_tail()), hint=hint)
