"""What a person reads at a terminal: narrow or wide, in colour or without, whatever the endpoints are called."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.model.samples import Event
from harness.model.verdict import Holder, Verdict
from harness.report.next_steps import Step
from harness.report.printable import one_line, printable
from harness.report.terminal import headline, render_verdict
from tests.unit.verdicts import endpoint, verdict_of

WIDTHS = pytest.mark.parametrize("width", [80, 200])
FAR = float(2**53)
HOSTILE = [
    "GET /[red]danger[/red]",
    "GET /[/]",
    "GET /[link=http://x.invalid]x",
    "GET /\x1b[31mred\x1b[0m",
    "GET /\x1b]0;title\x07",
    "GET /\x9b2J",
    "GET /a\r\nLEAK: nothing",
    "GET /\u202etxt.exe",
    "GET /\u200bzero",
    "GET /back\\",
    "GET /:smile:",
    "GET /" + "a" * 500,
]


def shown(
    verdict: Verdict, *, width: int = 80, colour: bool = False, folder: Path | None = None, steps: Sequence[Step] = ()
) -> str:
    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=colour, emoji=False)
    console.print(render_verdict(verdict, folder=folder, steps=steps), crop=False)
    return text.getvalue()


def folded(text: str) -> str:
    return re.sub(r"\s+", "", text)


@WIDTHS
def test_the_answer_comes_first_then_the_table_worst_first(width: int) -> None:
    verdict = verdict_of(endpoint("GET /b", "clean"), endpoint("GET /cache", "bounded"), endpoint("GET /a", "leak"))
    lines = shown(verdict, width=width).splitlines()
    assert lines[0] == "LEAK: GET /a 652 B/request"
    rows = [line.split() for line in lines if line.startswith("GET ") and "•" not in line]
    assert [row[1:3] for row in rows[:3]] == [["/a", "leak"], ["/cache", "bounded"], ["/b", "clean"]]
    assert "652   640 … 664     1,523" in shown(verdict, width=width)


@WIDTHS
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    verdict = verdict_of(*(endpoint(f"GET /{'long/' * 30}{e}") for e in range(5)), endpoint("GET /b", "inconclusive"))
    assert max(len(line) for line in shown(verdict, width=width).splitlines()) <= width


@WIDTHS
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_whole_and_steer_nothing(name: str, width: int) -> None:
    verdict = verdict_of(endpoint(name), endpoint("GET /b", "clean", note=name, failures={"500": 3}), notes=(name,))
    text = shown(verdict, width=width)
    assert re.search(r"[^\n\x20-\x7e\xa0-\uffff]", text) is None
    assert not {"\u202e", "\u200b"} & set(text)
    assert folded(one_line(name)) in folded(text)
    assert text.count("\nLEAK") == 0


def test_colours_are_there_only_on_a_terminal() -> None:
    assert "\x1b[" in shown(verdict_of(endpoint()), colour=True)
    assert "\x1b" not in shown(verdict_of(endpoint()))


def test_all_leaks_are_in_the_first_line_the_largest_first() -> None:
    small, large = endpoint("GET /small", bytes_per_request=100.0), endpoint("GET /large", bytes_per_request=2048.0)
    assert headline(verdict_of(small, large)).plain == "LEAK: GET /large 2 KiB/request, GET /small 100 B/request"


def test_of_many_leaks_the_largest_are_named_in_the_first_line() -> None:
    leaks = [endpoint(f"GET /{n}", bytes_per_request=100.0 * n) for n in range(1, 6)]
    said = headline(verdict_of(*leaks, endpoint("GET /b", "clean"))).plain
    named = "GET /5 500 B/request, GET /4 400 B/request, GET /3 300 B/request"
    assert said == f"LEAK: 5 of 6 endpoints, most of all {named}"


def held(path: str = "App\\Registry::$items", file: str | None = "/opt/www/app/Registry.php") -> Holder:
    return Holder(path=path, file=file, line=12, bytes_per_request=648.0, elements_per_request=1.0)


@WIDTHS
def test_what_holds_the_memory_is_told_with_file_and_line(width: int) -> None:
    text = shown(verdict_of(endpoint("GET /a", cause="static", holders=(held(),))), width=width)
    assert "What holds the memory" in text
    assert "App\\Registry::$items  648 B, one more element per request" in text
    assert "\n    /opt/www/app/Registry.php:12\n" in text


def test_a_wide_terminal_has_the_holder_in_the_table_too() -> None:
    verdict = verdict_of(endpoint("GET /a", cause="static", holders=(held(),)), endpoint("GET /x", cause="extension"))
    assert "held by" not in shown(verdict, width=80)
    wide = shown(verdict, width=200)
    assert "1,523  App\\Registry::$items /opt/www/app/Registry.php:12" in wide
    assert "1,523  native memory of an extension" in wide
    assert "held by" not in shown(verdict_of(endpoint("GET /b", "clean")), width=200)


def test_a_file_or_a_command_is_never_broken_over_lines() -> None:
    file, command = f"/opt/{'long/' * 40}A.php", f"hyperleak report {'results/' * 20}"
    verdict = verdict_of(endpoint("GET /a", holders=(held(file=file),)))
    lines = shown(verdict, folder=Path(file), steps=[Step("look at it", command)]).splitlines()
    assert f"    {file}:12" in lines
    assert f"    {command}" in lines
    assert f"Kept in {file}" in lines


@WIDTHS
def test_of_a_hundred_endpoints_every_finding_is_shown_and_the_clean_ones_are_counted(width: int) -> None:
    clean = [endpoint(f"GET /clean/{n}", "clean") for n in range(97)]
    verdict = verdict_of(*clean, endpoint("GET /a"), endpoint("GET /b", "garbage"), endpoint("GET /c", "inconclusive"))
    text = shown(verdict, width=width)
    assert "… 77 more: 77 clean" in text
    assert {"/a", "/b", "/c"} <= {line.split()[1] for line in text.splitlines() if line.startswith("GET ")}
    assert len(text.splitlines()) < 40


def test_what_holds_for_several_endpoints_is_said_once() -> None:
    verdict = verdict_of(*(endpoint(f"GET /{n}", "clean", note="was slow") for n in range(5)))
    assert "GET /0, GET /1, GET /2 and 2 more: was slow" in shown(verdict)


def test_clean_is_said_with_the_limit_below_which_it_is_clean() -> None:
    one, other = (endpoint(name, "clean", upper_limit_bytes_per_request=limit) for name, limit in (("a", 3), ("b", 30)))
    assert headline(verdict_of(one, other)).plain == "CLEAN: no endpoint keeps as much as 30 B/request"


def test_inconclusive_is_said_with_what_was_not_seen() -> None:
    verdict = verdict_of(endpoint("GET /a", "inconclusive", detectable_bytes_per_request=90.0), endpoint("b", "clean"))
    text = shown(verdict)
    assert text.startswith("INCONCLUSIVE: could not tell for 1 of 2 endpoints")
    assert "GET /a: a leak under 90 B/request is not seen yet" in text


def test_limits_that_are_not_known_are_not_numbers() -> None:
    text = shown(verdict_of(endpoint("GET /a", "inconclusive", ci95=(-FAR, FAR), detectable_bytes_per_request=FAR)))
    assert "unknown" in text
    assert not re.search(r"\d{13}", text.replace(",", ""))


def test_a_leak_of_all_together_blames_no_endpoint() -> None:
    verdict = verdict_of(endpoint("GET /a", "clean"), outcome="leak", unattributed_bytes_per_request=300.0)
    assert shown(verdict).startswith("LEAK: no endpoint by itself, 300 B/request together")


def test_what_happened_is_told_and_many_events_of_a_kind_are_counted() -> None:
    restarts = tuple(Event(elapsed_s=float(n), kind="worker_restart", detail=f"pid {n}") for n in range(30))
    verdict = verdict_of(
        endpoint("GET /a", "clean", failures={"500": 1200, "timeout": 1}),
        events=(*restarts, Event(elapsed_s=31.0, kind="oom_kill")),
        time_driven_bytes_per_second=2048.0,
    )
    text = shown(verdict, width=200)
    assert "worker restart: at 0.0 s pid 0; at 1.0 s pid 1 and 28 more" in text
    assert "oom kill: at 31.0 s" in text
    assert "GET /a: unexpected answers (1,200 × 500, 1 × timeout)" in text
    assert "grows by 2 KiB/s with no traffic at all" in text


def test_the_folder_of_the_run_is_named() -> None:
    folder = Path("/results/orders/20260301T123005Z-norev-abcdef")
    assert str(folder) in shown(verdict_of(endpoint()), folder=folder)


@given(st.text())
def test_printable_text_never_steers_and_plain_text_is_left_alone(text: str) -> None:
    safe = printable(text)
    assert re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]", safe) is None
    assert printable(safe) == safe
    assert one_line(text).splitlines() in ([one_line(text)], [])
