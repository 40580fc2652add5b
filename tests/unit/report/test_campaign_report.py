"""Campaigns for people: the answer first, names that do no harm, and long lists that end."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from harness.analysis.reproduction import reproductions
from harness.model.campaign import Attempt, CampaignResult, CampaignRun, Outcome, RunState, Slot
from harness.model.verdict import EndpointVerdict
from harness.report.campaign import render_campaign, render_campaign_markdown, render_runs
from tests.unit.verdicts import endpoint, verdict_of

EVIL = "GET /\x1b[31m|`x`<img src=x>@all\n[b](javascript:y)"


def run(repetition: int, *found: EndpointVerdict, state: RunState = "measured", error: str = "") -> CampaignRun:
    slot = Slot(id=f"s+{repetition}", scenario="shop", variant="w2", repetition=repetition, seed=0)
    attempt = Attempt(folder=Path("/r"), number=1, outcome=Outcome(exit_code=4 if error else 0, error=error))
    verdict = verdict_of(*found) if found else None
    return CampaignRun(slot=slot, state=state, attempts=(attempt,) if state != "waiting" else (), verdict=verdict)


def result(*runs: CampaignRun, remarks: tuple[str, ...] = ()) -> CampaignResult:
    return CampaignResult(name="c", seed=0, runs=runs, cases=reproductions(runs), remarks=remarks)


def shown(found: RenderableType, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO())
    with console.capture() as captured:
        console.print(found, crop=False)
    return captured.get()


LEAK, CLEAN, OPEN = endpoint(), endpoint("GET /static", "clean"), endpoint("GET /static", "inconclusive")


@pytest.mark.parametrize(
    ("runs", "answer"),
    [
        ((run(1, LEAK), run(2, CLEAN)), "LEAK: GET /static in 1 of 2 runs (shop, w2)"),
        ((run(1, CLEAN), run(2, CLEAN)), "CLEAN: no leak in any of 2 runs"),
        ((run(1, CLEAN), run(2, OPEN)), "INCONCLUSIVE: no leak was found, but not every run could tell"),
        ((run(1, CLEAN), run(2, state="waiting")), "INCONCLUSIVE: no leak so far, but not every run has an answer"),
        ((run(1, state="failed", error="x"),), "INCONCLUSIVE: no leak so far, but not every run has an answer"),
    ],
)
def test_the_answer_comes_first(runs: tuple[CampaignRun, ...], answer: str) -> None:
    assert shown(render_campaign(result(*runs))).splitlines()[0].strip() == answer
    assert render_campaign_markdown(result(*runs)).splitlines()[0].startswith(f"### {answer.partition(':')[0]}")


def test_a_leak_of_all_endpoints_together_is_no_clean_campaign() -> None:
    together = run(1, CLEAN)
    assert together.verdict is not None
    together = together.model_copy(update={"verdict": together.verdict.model_copy(update={"outcome": "leak"})})
    assert shown(render_campaign(result(together, run(2, CLEAN)))).startswith("LEAK: no endpoint by itself, but all")


def test_a_row_fits_a_terminal() -> None:
    lines = shown(render_campaign(result(run(1, LEAK), run(2, CLEAN)))).splitlines()
    assert all(len(line.rstrip()) <= 80 for line in lines)
    (row,) = (line.split() for line in lines if line.startswith("GET /static"))
    assert " ".join(row).startswith("GET /static 2 50% (1% … 99%) 652 differs: 1 leak")


def test_what_targets_and_files_say_makes_no_markup() -> None:
    found = result(run(1, endpoint(EVIL)), run(2, state="failed", error=EVIL), remarks=(EVIL,))
    markdown = render_campaign_markdown(found)
    texts = (shown(render_campaign(found), 200), shown(render_runs(found.runs), 200), markdown)
    assert not any("\x1b" in text for text in texts)
    assert "<img" not in markdown
    assert "](javascript" not in markdown
    table = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {8}


def test_a_long_list_of_failures_ends() -> None:
    found = result(*(run(n, state="failed", error="no engine") for n in range(100)))
    assert "… and 70 more" in shown(render_campaign(found))
