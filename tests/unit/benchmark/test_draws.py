"""Draws, their judgement, and results that a stopped run goes on from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.benchmark.attribution import synthetic
from tests.benchmark.attribution.cells import NOISES, Cell, all_cells, quick_cells
from tests.benchmark.attribution.claims import Claim, Truth, judge
from tests.benchmark.attribution.draws import conducted, confirmed, draw_cell, seed_of
from tests.benchmark.attribution.rivals import METHODS, OURS, OURS_GLS, OURS_REDRAWN, OURS_RESIDENT
from tests.benchmark.attribution.simulated import Keeps
from tests.benchmark.attribution.table import append_rows, markdown, percent, read_rows, write_rows

LEAKY = Cell("leaky", NOISES["exact"], (Keeps(504.0),), endpoints=3, budget_s=20.0)
NULL = Cell("null", NOISES["white"], endpoints=3, budget_s=20.0)


def test_a_claim_is_judged_by_the_truth() -> None:
    truths = [Truth(True, 500.0), Truth(True, 100.0), Truth(False), Truth(False), Truth(False, None)]
    claims = [
        Claim(True, 510.0, (490.0, 530.0)),
        Claim(False, 30.0, (20.0, 40.0), cleared=True),
        Claim(True, 90.0, (80.0, 100.0)),
        Claim(False, 0.0, (-1.0, 1.0), cleared=True),
        Claim(False, 9.0, (8.0, 10.0)),
    ]
    found = judge(claims, truths, seconds=12.0, requests=3000)
    assert (found.false_alarms, found.leaking, found.found, found.wrongly_cleared) == (1, 2, 1, 1)
    assert (found.leak_covered, found.leak_limits, found.other_covered, found.other_limits) == (1, 2, 1, 2)
    assert list(found.relative_errors) == pytest.approx([0.02])
    assert not found.decided


def test_a_draw_follows_from_its_cell_and_number_alone() -> None:
    assert seed_of(LEAKY, 3) == seed_of(replace(LEAKY, budget_s=5.0), 3)
    assert len({seed_of(cell, number) for cell in (LEAKY, NULL) for number in range(20)}) == 40
    first, second = (conducted(LEAKY, seed_of(LEAKY, 3), heap=True) for _ in range(2))
    assert first.verdict.endpoints == second.verdict.endpoints
    assert (first.decided_s, first.run_s) == (second.decided_s, second.run_s)


def test_every_method_is_judged_on_the_same_draw() -> None:
    judged = draw_cell(LEAKY, 0, rivals=True)
    assert set(judged) == set(METHODS)
    assert judged[OURS].found == judged[OURS].leaking == 1
    assert judged[OURS].false_alarms == 0
    assert set(draw_cell(LEAKY, 0, rivals=False)) == {OURS, OURS_RESIDENT}
    assert set(draw_cell(replace(LEAKY, heap=False), 0, rivals=False)) == {OURS_RESIDENT}


def test_the_same_recording_is_judged_by_the_other_estimator_and_the_other_test() -> None:
    judged = draw_cell(replace(LEAKY, noise=NOISES["walk"]), 0, rivals=True)
    assert [judged[method].found for method in (OURS, OURS_GLS, OURS_REDRAWN)] == [1, 1, 1]
    run = conducted(LEAKY, seed_of(LEAKY, 0), heap=True)
    unsure = tuple(one.model_copy(update={"randomisation_p_value": 0.2}) for one in run.verdict.endpoints)
    told = confirmed(run.verdict.model_copy(update={"endpoints": unsure}))
    assert told.outcome == "inconclusive"
    assert "leak" not in {one.verdict for one in told.endpoints}
    assert confirmed(run.verdict) == run.verdict


def test_the_time_of_a_verdict_is_within_the_run() -> None:
    run = conducted(LEAKY, seed_of(LEAKY, 0), heap=True)
    assert 0 < run.decided_s <= run.run_s


def test_cells_have_names_of_their_own_and_the_quick_ones_are_among_them() -> None:
    names = [cell.name for cell in all_cells()]
    assert len(names) == len(set(names))
    assert len(quick_cells()) == 6
    assert {cell.endpoints for cell in all_cells()} == {10, 100, 500}
    assert all(len(cell.app(np.random.default_rng(1))) == cell.endpoints for cell in all_cells())


def test_a_stopped_run_goes_on_with_the_cells_that_are_left(tmp_path: Path) -> None:
    file = tmp_path / "synthetic.csv"
    told: list[str] = []
    cells = [cell for cell in all_cells() if cell.name in ("10-exact-null", "10-exact-16384B")]
    synthetic.run_cells(cells[:1], 2, "now", file=file, told=told.append, processes=1)
    synthetic.run_cells(cells, 2, "now", file=file, told=told.append, processes=1)
    assert [line.split(":")[0] for line in told] == [cell.name for cell in cells]
    rows = read_rows(file)
    assert {row["cell"] for row in rows} == {cell.name for cell in cells}
    assert {row["method"] for row in rows} == set(METHODS)
    shown = synthetic.report(rows)
    assert "10-exact-16384B" in shown
    assert OURS_RESIDENT in shown


def test_a_cell_that_errs_too_often_is_a_finding_with_its_draws() -> None:
    row = {
        "cell": "10-walk-null", "method": OURS, "draws": "1000", "false_alarms": "30", "false_alarm_draws": "4 9",
        "leak_covered": "0", "leak_limits": "0", "other_covered": "9000", "other_limits": "10000",
        "wrongly_cleared": "0", "leaking": "0", "missed_draws": "", "uncovered_draws": "",
    }  # fmt: skip
    alarms, coverage = synthetic.findings([row])
    assert "10-walk-null" in alarms
    assert "30 of 1000" in alarms
    assert "4 9" in alarms
    assert "90.0%" in coverage
    assert synthetic.findings([{**row, "false_alarms": "10", "other_covered": "9500"}]) == []


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    assert read_rows(file) == []
    append_rows(file, [{"a": "1", "b": "x, y"}])
    append_rows(file, [{"a": "2", "b": ""}])
    assert read_rows(file) == [{"a": "1", "b": "x, y"}, {"a": "2", "b": ""}]
    write_rows(file, [])
    assert read_rows(file) == []


def test_a_table_shows_its_columns() -> None:
    assert markdown([{"a": "1", "b": "2"}], {"A": "a", "B": "b"}) == "| A | B |\n|---|---:|\n| 1 | 2 |\n"


@pytest.mark.parametrize(("count", "of", "text"), [(0, 0, "–"), (0, 5, "0%"), (5, 5, "100%"), (1, 300, "0.3%")])
def test_shares_are_told_as_percent(count: float, of: float, text: str) -> None:
    assert percent(count, of) == text
