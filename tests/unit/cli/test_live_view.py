"""Where a run is drawn and where it is told in lines: terminals, pipes, CI, dumb terminals, `--quiet`."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from typing import TextIO

import pytest
from rich.console import Console

from harness.cli.live import LiveView, Watched
from harness.cli.live.view import SIGN_OF_LIFE_S, is_drawn
from harness.cli.output import Output
from harness.model.samples import CgroupReading, Event, Sample
from tests.unit.verdicts import endpoint, verdict_of

BACK = "\x1b[?1049l"
WATCHED = Watched("shop", ("GET /a", "GET /b"), load_budget_s=60.0)


@pytest.fixture
def terminal() -> Iterator[tuple[TextIO, Callable[[], str]]]:
    """A terminal to write to, and all that comes out of it until the screen that was there before is back."""
    reader, writer = os.openpty()

    def read() -> str:
        text = ""
        while BACK not in text:
            text += os.read(reader, 2**16).decode()
        return text

    with os.fdopen(writer, "w") as screen:
        yield screen, read
    os.close(reader)


def output_to(file: TextIO, environment: dict[str, str] | None = None, *, quiet: bool = False) -> Output:
    variables = {"TERM": "xterm-256color"} | (environment or {})
    no_color = bool(variables.get("NO_COLOR"))
    return Output(Console(file=file, no_color=no_color, emoji=False, _environ=variables), False, quiet)


@pytest.mark.parametrize(
    ("environment", "drawn"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "unknown"}, False),
        ({"CI": "true"}, False),
        ({"CI": "1"}, False),
        ({"CI": "false"}, True),
        ({"CI": ""}, True),
    ],
)
def test_a_terminal_is_drawn_on_unless_it_cant_or_keeps_a_log(
    environment: dict[str, str], drawn: bool, terminal: tuple[TextIO, Callable[[], str]]
) -> None:
    assert is_drawn(output_to(terminal[0], environment), environment) == drawn


def test_quiet_draws_nothing(terminal: tuple[TextIO, Callable[[], str]]) -> None:
    assert not is_drawn(output_to(terminal[0], quiet=True), {})


def test_a_file_that_is_to_have_colours_is_no_terminal() -> None:
    output = output_to(io.StringIO(), {"FORCE_COLOR": "1"})
    assert output.people.is_terminal
    assert not is_drawn(output, {})


def test_without_colours_the_picture_is_the_same(
    terminal: tuple[TextIO, Callable[[], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    screen, read = terminal
    with LiveView(output_to(screen, {"NO_COLOR": "1", "COLUMNS": "80", "LINES": "24"}), WATCHED) as view:
        view.phase("measuring under load")
    screen.flush()
    text = read()
    assert "shop" in text
    assert "GET /a" in text
    assert re.search(r"\x1b\[[0-9;]*3[0-7]", text) is None


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def sampled(elapsed_s: float, *events: Event) -> Sample:
    anon = CgroupReading(anon_bytes=2**20)
    return Sample(elapsed_s=elapsed_s, requests=(10, 20), failures=(0, 1), cgroup=anon, events=events)


def test_lines_tell_each_phase_each_look_what_is_new_and_what_happened() -> None:
    text, clock = io.StringIO(), Clock()
    with LiveView(output_to(text), WATCHED, clock=clock) as view:
        view.phase("starting the target")
        view.phase("measuring under load")
        view.sample(sampled(1.0, Event(elapsed_s=1.0, kind="worker_restart", detail="pid 7")))
        view.look(verdict_of(endpoint("GET /a"), endpoint("GET /b", "clean")))
        view.look(verdict_of(endpoint("GET /a"), endpoint("GET /b", "clean")))
        view.look(verdict_of(endpoint("GET /a", "bounded"), endpoint("GET /b", "clean")))
    assert text.getvalue().splitlines() == [
        "shop: starting the target",
        "shop: measuring under load",
        "shop: worker restart pid 7",
        "shop: after 3,046 requests: 1 leak, 1 clean",
        "shop: GET /a is a leak so far (652 B/request, 640 … 664)",
        "shop: after 3,046 requests: 1 bounded, 1 clean",
        "shop: GET /a is bounded after all (0 B/request, 0 … 0)",
    ]


def test_a_long_silence_is_broken_by_a_sign_of_life() -> None:
    text, clock = io.StringIO(), Clock()
    with LiveView(output_to(text), WATCHED, clock=clock) as view:
        view.sample(sampled(1.0))
        clock.now_s += SIGN_OF_LIFE_S
        view.sample(sampled(31.0))
        view.sample(sampled(31.5))
    assert text.getvalue() == "shop: 31s in, 30 requests, 1 failures, container 1 MiB\n"
