"""The picture of a run that goes on: whole at every size of the terminal, the worst first, and never torn."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.live import Live

from harness.cli.live.frame import Frame
from harness.cli.live.progress import Progress
from harness.model.samples import CgroupReading, Event, PhpReading, ProcessReading, Sample, WindowKind, WindowMark
from harness.report.rows import shortened
from tests.unit.report.hostile import NAMES, TEXTS
from tests.unit.verdicts import endpoint, verdict_of

LONG = "GET /api/v2/organisations/{{ random_int(1, 1000) }}/warehouses/stock-levels?include=products,suppliers&page="


def shown(progress: Progress, *, width: int = 80, height: int = 24, now_s: float = 10.0, stopping: bool = False) -> str:
    text = io.StringIO()
    console = Console(file=text, width=width, height=height, emoji=False, legacy_windows=False)
    console.print(Frame(progress, now_s, stopping))
    return text.getvalue()


def begun(*names: str) -> Progress:
    return Progress("shop", names, began_s=0.0).with_phase("measuring under load", 2.0)


def sampled(*requests: int, kind: WindowKind = "load", failures: int = 0, block: int = 0) -> Sample:
    return Sample(
        elapsed_s=1.0,
        requests=requests,
        failures=(failures,) * len(requests),
        cgroup=CgroupReading(anon_bytes=50 * 2**20),
        processes=(ProcessReading(pid=1, php=PhpReading(heap_bytes=4 * 2**20)),),
        window=WindowMark(index=0, block=block, kind=kind, load_s=0.5),
    )


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("GET", "POST"))]


def test_phase_budget_requests_memory_and_endpoints_are_seen() -> None:
    progress = begun("GET /a", "GET /b").with_sample(sampled(100, 150), 4.5, 40.0)
    progress = progress.with_look(verdict_of(endpoint("GET /b"), endpoint("GET /a", "clean")), load_follows=True)
    text = shown(progress.with_sample(sampled(300, 400, failures=3, block=6), 9.0, 40.0), now_s=14.0)
    assert "shop · measuring under load" in text
    assert "10s of 40s · at most 30s left · block 7" in text
    assert "700 requests · 900/s under load · 6 failures" in text
    assert re.search(r"heaps +4 MiB +\+0 B", text)
    assert re.search(r"container +50 MiB", text)
    first, second = rows(text)
    assert first.split() == ["GET", "/b", "leak", "652", "640", "…", "664", "1,523"]
    assert second.split()[:3] == ["GET", "/a", "clean"]


def test_the_budget_begins_after_the_warm_up() -> None:
    progress = begun("GET /a").with_sample(sampled(10, kind="warmup"), 5.0, 40.0)
    assert progress.budget_s is None
    assert "warming up" in shown(progress)
    progress = progress.with_sample(sampled(20), 8.5, 40.0).with_sample(sampled(30), 9.5, 40.0)
    assert (progress.budget_s, progress.budget_began_s) == (40.0, 8.0)
    assert "budget used" in shown(progress, now_s=60.0)


def test_what_the_screening_says_is_a_question_until_the_load_has_spoken() -> None:
    screened = verdict_of(
        endpoint("GET /a"), endpoint("GET /b", "inconclusive", ci95=(5.0, 9.0), bytes_per_request=7.0)
    )
    progress = begun("GET /a", "GET /b").with_look(screened, load_follows=True)
    assert [row.split()[2] for row in rows(shown(progress))] == ["leak?", "leak?"]
    assert "leak?" not in shown(begun("GET /a").with_look(verdict_of(endpoint("GET /a")), load_follows=False))
    loaded = progress.with_sample(sampled(10, 10), 5.0, 40.0).with_look(screened, load_follows=True)
    assert [row.split()[2] for row in rows(shown(loaded))] == ["leak", "leak?"]
    assert loaded.requests == sum(e.requests for e in screened.endpoints) + 20


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50), (40, 8), (20, 3), (10, 1), (300, 100)])
@pytest.mark.parametrize("count", [0, 1, 3, 100])
def test_the_picture_fits_any_terminal_with_any_number_of_endpoints(width: int, height: int, count: int) -> None:
    names = tuple(f"{LONG}{n}" for n in range(count))
    progress = begun(*names).with_sample(sampled(*(range(count)), failures=1), 5.0, 40.0)
    found = verdict_of(*(endpoint(name, "leak" if n % 2 else "clean") for n, name in enumerate(names[: count // 2])))
    progress = progress.with_look(found, load_follows=True)
    progress = replace(progress, events=("worker restart",) * 5)
    lines = shown(progress, width=width, height=height).splitlines()
    assert max(map(cell_len, lines)) <= width
    if height >= 8:
        assert len(lines) <= height


def test_of_many_endpoints_the_worst_are_seen_and_the_others_counted() -> None:
    names = tuple(f"{LONG}{n}" for n in range(100))
    verdict = verdict_of(*(endpoint(name, "leak" if n == 77 else "clean") for n, name in enumerate(names[:90])))
    text = shown(begun(*names).with_look(verdict, load_follows=False))
    assert rows(text)[0].split()[-5:] == ["leak", "652", "640", "…", "664", "1,523"][-5:]
    assert "page=77" in rows(text)[0]
    hidden = re.search(r"… (\d+) more: (\d+) clean, 10 not asked yet", text)
    assert hidden is not None
    assert int(hidden[1]) == int(hidden[2]) + 10 == 100 - len(rows(text))


def test_what_happens_to_the_target_is_seen() -> None:
    event = Event(elapsed_s=1.0, kind="worker_restart", detail="pid 7\x1b[2J")
    sample = sampled(1).model_copy(update={"events": (event,)})
    assert "! worker restart pid 7\\x1b[2J" in shown(begun("GET /a").with_sample(sample, 5.0, 40.0))


def test_a_wish_to_stop_is_confirmed() -> None:
    assert "Ctrl-C once: finish this window" in shown(begun("GET /a"))
    assert "once more stops at once" in shown(begun("GET /a"), stopping=True)


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_steer_nothing(name: str) -> None:
    text = shown(begun(name, "GET /b").with_look(verdict_of(endpoint(name)), load_follows=False))
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ud800-\udfff]", text) is None


@given(TEXTS, st.integers(0, 60))
def test_a_shortened_name_fits_and_keeps_its_ends(text: str, width: int) -> None:
    short = shortened(text, width)
    assert cell_len(short) <= width
    if cell_len(text) <= width:
        assert short == text


def test_the_end_of_a_long_name_is_what_tells_it_from_the_others() -> None:
    assert shortened("GET /orders/list/of/all?page=77", 20) == "GET /order…l?page=77"


def test_a_terminal_that_changes_its_size_gets_a_picture_of_that_size() -> None:
    console = Console(file=io.StringIO(), width=100, height=40, force_terminal=True, legacy_windows=False)
    progress = begun(*(f"{LONG}{n}" for n in range(100)))
    with Live(
        console=console, screen=True, auto_refresh=False, get_renderable=lambda: Frame(progress, 9.0, False)
    ) as live:
        for width, height in ((100, 40), (60, 12), (140, 50)):
            console.size = (width, height)
            console.file = io.StringIO()
            live.refresh()
            assert isinstance(console.file, io.StringIO)
            lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue()).split("\n")
            assert len(lines) == height
            assert {cell_len(line) for line in lines} == {width}
