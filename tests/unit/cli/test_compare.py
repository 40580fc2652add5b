"""`hyperleak compare`: its outcomes, exit codes and documents."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.model.comparison import Comparison
from harness.report.comparison_markdown import render_comparison_markdown
from tests.unit.cli.conftest import Hyperleak
from tests.unit.nightly.kept import environment, keep, measured
from tests.unit.report.hostile import NAMES

CLEAN = measured("GET /clean", 0.0, 0.1)


@pytest.mark.parametrize(
    ("size", "error", "code", "outcome"),
    [
        (64.0, 5.0, 1, "regression"),
        (0.0, 5.0, 0, "same"),
        (40.0, 40.0, 3, "inconclusive"),
    ],
)
def test_the_exit_code_is_the_outcome(
    size: float, error: float, code: int, outcome: str, hyperleak: Hyperleak, tmp_path: Path
) -> None:
    before = keep(tmp_path, measured("GET /cart", 0.0), CLEAN)
    after = keep(tmp_path, measured("GET /cart", size, error), CLEAN, night=1)
    done = hyperleak("compare", before, after)
    assert (done.code, done.out.split(":")[0]) == (code, outcome.upper())
    documented = hyperleak("compare", before, after / "record.json", "--json")
    assert documented.code == code
    assert Comparison.model_validate(documented.document).outcome == outcome


def test_a_better_candidate_is_a_success(hyperleak: Hyperleak, tmp_path: Path) -> None:
    before, after = keep(tmp_path, measured("GET /cart", 640.0)), keep(tmp_path, CLEAN, night=1)
    done = hyperleak("compare", before, keep(tmp_path, measured("GET /cart", 0.0), night=2))
    assert (done.code, "IMPROVEMENT: GET /cart -640 B/request" in done.out) == (0, True)
    assert "gone" in hyperleak("compare", before, after).out


def test_an_unlike_environment_is_refused_and_can_be_allowed(hyperleak: Hyperleak, tmp_path: Path) -> None:
    before = keep(tmp_path, CLEAN)
    after = keep(tmp_path, CLEAN, night=1, environment=environment(php_version="8.4.1"))
    refused = hyperleak("compare", before, after)
    assert refused.code == 3
    assert "NOT COMPARABLE: php_version differs" in refused.out
    assert "8.2 in the baseline, 8.4 in the" in refused.out
    assert hyperleak("compare", before, after, "--allow-unlike", "php_version").code == 0
    assert hyperleak("compare", before, after, "--allow-unlike", "rate").code == 3
    assert hyperleak("compare", before, after, "--allow-unlike", "colour").code == 2


def test_sets_of_runs_and_the_newest_good_one(hyperleak: Hyperleak, tmp_path: Path) -> None:
    for night in range(4):
        keep(tmp_path / "a", measured("GET /cart", 0.0, 20.0), night=night)
        keep(tmp_path / "b", measured("GET /cart", 64.0, 20.0, verdict="leak"), night=night + 10)
    done = hyperleak("compare", "-b", tmp_path / "a/shop", tmp_path / "b/shop", "--json")
    assert (done.code, len(done.document["baseline"]), len(done.document["candidate"])) == (1, 4, 4)
    pattern = hyperleak("compare", "-b", f"{tmp_path}/a/shop/*", f"{tmp_path}/b/shop/*", "--json")
    assert pattern.document == done.document
    candidate = keep(tmp_path / "a", measured("GET /cart", 640.0), night=20)
    latest = hyperleak("compare", "-b", "latest-good", candidate, "--results", tmp_path / "a", "--json")
    assert (latest.code, latest.document["baseline"]) == (1, ["shop-20260104t020000z-000003"])
    assert hyperleak("compare", "latest-good", candidate, "--results", tmp_path / "a").code == 1


def test_one_side_alone_is_bad_input(hyperleak: Hyperleak, tmp_path: Path) -> None:
    run = keep(tmp_path, CLEAN)
    assert hyperleak("compare", run).code == 2
    assert hyperleak("compare", run, tmp_path / "none").code == 2
    assert hyperleak("compare", run, run, "--json", "--format", "markdown").code == 2


def test_known_leaks_dont_fail_until_they_expire(hyperleak: Hyperleak, tmp_path: Path) -> None:
    before, after = keep(tmp_path, measured("GET /cart", 0.0)), keep(tmp_path, measured("GET /cart", 640.0), night=1)
    today, file = datetime.now(UTC).date(), tmp_path / "known.yaml"
    file.write_text(f"known: [{{endpoint: GET /c*, reason: vendor, expires: {today + timedelta(days=1)}}}]\n")
    done = hyperleak("compare", before, after, "--known", file)
    assert done.code == 0
    assert "GET /cart: known, vendor" in done.out
    file.write_text(f"known: [{{endpoint: GET /c*, reason: vendor, expires: {today - timedelta(days=2)}}}]\n")
    expired = hyperleak("compare", before, after, "--known", file, "--json")
    assert expired.code == 2
    assert "expired on" in expired.document["error"]


def test_markdown_is_a_table_and_nothing_else(hyperleak: Hyperleak, tmp_path: Path) -> None:
    before, after = keep(tmp_path, measured("GET /cart", 0.0)), keep(tmp_path, measured("GET /cart", 640.0), night=1)
    done = hyperleak("compare", before, after, "--format", "markdown")
    assert done.code == 1
    assert done.out.startswith("### REGRESSION")
    assert "| 🔴 | `GET /cart` | regression | 0 | 640 | +640 |" in done.out


@pytest.mark.parametrize("name", [name for name in NAMES if "\ud800" not in name])
def test_a_hostile_name_breaks_neither_a_line_nor_a_table(name: str, hyperleak: Hyperleak, tmp_path: Path) -> None:
    before, after = keep(tmp_path, measured(name, 0.0)), keep(tmp_path, measured(name, 640.0), night=1)
    done = hyperleak("compare", before, after, "--json")
    assert done.code == 1
    assert "\x1b" not in done.err
    assert "\u202e" not in done.err
    comparison = Comparison.model_validate(json.loads(done.out))
    rows = [line for line in render_comparison_markdown(comparison).splitlines() if line.startswith("| 🔴")]
    assert len(rows) == 1


def test_lines_fit_eighty_columns(hyperleak: Hyperleak, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    before = keep(tmp_path, measured("GET /a/rather/long/path/of/an/endpoint?with=a&query=too", 640.0))
    after = keep(tmp_path, measured("GET /a/rather/long/path/of/an/endpoint?with=a&query=too", 99_640.0), night=1)
    assert max(map(len, hyperleak("compare", before, after).out.splitlines()[1:])) <= 80
