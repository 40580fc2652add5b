"""CSV as scripts and spreadsheets read it: one row an endpoint, and no cell that calculates."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given

from harness.model.verdict import Holder, Verdict
from harness.report.csv_table import COLUMNS, render_csv
from harness.report.printable import one_line
from tests.unit.report.hostile import NAMES, TEXTS, verdict_about
from tests.unit.verdicts import endpoint, verdict_of

FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def rows_of(verdict: Verdict) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render_csv(verdict), newline=""), strict=True))


def test_one_row_an_endpoint_with_numbers_as_they_were_recorded() -> None:
    holder = Holder(path="R::$a", file="app/R.php", line=12, bytes_per_request=648.5, elements_per_request=1.0)
    leak = endpoint(cause="static", holders=(holder,), bytes_per_request=652.125, failures={"500": 3})
    leak = leak.model_copy(update={"randomisation_p_value": 0.0005})
    leaking, clean = rows_of(verdict_of(leak, endpoint("GET /b", "clean", bytes_per_request=-0.5)))
    assert leaking == {
        "run_id": "run-1",
        "endpoint": "GET /static",
        "verdict": "leak",
        "bytes_per_request": "652.125",
        "ci95_low": "640.0",
        "ci95_high": "664.0",
        "p_value": "1e-09",
        "requests": "1523",
        "channel": "php_heap",
        "cause": "static",
        "holder": "R::$a",
        "file": "app/R.php",
        "line": "12",
        "holder_bytes_per_request": "648.5",
        "holder_elements_per_request": "1.0",
        "holders": "1",
        "unexpected_answers": "3 × 500",
        "note": "",
        "randomisation_p_value": "0.0005",
    }
    assert (clean["bytes_per_request"], clean["holder"], clean["line"]) == ("-0.5", "", "")


def test_limits_that_are_not_known_are_empty() -> None:
    far = float(2**53)
    (row,) = rows_of(verdict_of(endpoint("a", "inconclusive", ci95=(-far, far))))
    assert (row["ci95_low"], row["ci95_high"]) == ("", "")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(1)", "  =1", "＝1", '=HYPERLINK("x")'])
def test_a_formula_becomes_text(name: str) -> None:
    (row, _) = rows_of(verdict_about(name, name))
    assert row["endpoint"] == row["holder"] == row["file"] == row["note"] == f"'{name}"


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names_stay_in_their_cell(name: str) -> None:
    rows = rows_of(verdict_about(name, name))
    assert [row["endpoint"].removeprefix("'") for row in rows] == [one_line(name), "GET /other"]


@given(TEXTS, TEXTS)
def test_any_name_keeps_rows_and_columns_and_calculates_nothing(name: str, said: str) -> None:
    text = render_csv(verdict_about(name, said))
    table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert [len(row) for row in table] == [len(COLUMNS)] * 3
    assert text.count("\n") == 3
    assert table[1][1].removeprefix("'") == one_line(name).removeprefix("'")
    assert not any(cell.lstrip().startswith(FORMULA) for row in table[1:] for cell in row)
