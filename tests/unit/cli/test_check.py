"""`hyperleak check` and `schema`: scenarios read, nothing started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Hyperleak

SCENARIOS = sorted((Path(__file__).parents[3] / "scenarios").glob("quickstart*.yaml"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.stem)
def test_the_quickstarts_are_right(scenario: Path, hyperleak: Hyperleak) -> None:
    done = hyperleak("check", scenario, "--json")
    assert done.code == 0
    assert done.document == {"file": str(scenario), "ok": True, "problems": []}


def test_every_mistake_is_said_at_once_with_its_place(hyperleak: Hyperleak, tmp_path: Path) -> None:
    scenario = tmp_path / "bad.yaml"
    scenario.write_text("name: bad\ntarget: {image: x}\nload: {rate: [1, 2]}\nendpoints:\n  - FETCH [/x]\n")
    done = hyperleak("check", scenario, SCENARIOS[0], "--json")
    assert done.code == 2
    bad, good = done.document
    assert good["ok"]
    assert not bad["ok"]
    assert len(bad["problems"]) >= 3
    assert all(f"{scenario}:{problem['line']}:{problem['column']}: " in done.err for problem in bad["problems"])
    assert all(problem["what"] in done.err for problem in bad["problems"])


def test_a_scenario_that_is_not_there_is_bad_input(hyperleak: Hyperleak, tmp_path: Path) -> None:
    done = hyperleak("check", tmp_path / "none.yaml")
    assert done.code == 2
    assert "none.yaml" in done.out


def test_quiet_says_nothing_of_what_is_right(hyperleak: Hyperleak) -> None:
    assert hyperleak("check", *SCENARIOS, "--quiet").out == ""
    assert hyperleak("check", *SCENARIOS).out.count(": ok") == len(SCENARIOS)


def test_the_schema_is_one_json_document(hyperleak: Hyperleak) -> None:
    done = hyperleak("schema")
    assert json.loads(done.out)["$schema"].startswith("https://json-schema.org/")
    assert (done.code, done.err) == (0, "")
