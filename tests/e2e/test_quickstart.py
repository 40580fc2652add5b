"""The first thing that anybody runs: two leaks among eight endpoints of a container, and its clean twin."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.command import ROOT, Finished, Program, hyperleak
from tests.place import Place

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("resident_image")]

QUICKSTART = ROOT / "scenarios/quickstart.yaml"
TWIN = ROOT / "scenarios/quickstart-clean.yaml"
LONGEST_S = 90.0
# What an element costs on the heap, and the array's doublings of 16 to 32 bytes a request.
TRUE_BYTES = {"GET /static?bytes=512": (640 + 16, 640 + 32), "GET /global?bytes=256": (320 + 16, 320 + 32)}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    assert made.left() == []


def run(place: Place, scenario: Path) -> Finished:
    with Program("run", scenario, "--results", place.results, "--json", environment=place.environment) as program:
        return program.finish(200)


@pytest.mark.timeout(240)
def test_both_leaks_are_found_with_their_true_sizes_and_nobody_else_is_blamed(place: Place) -> None:
    began_s = time.monotonic()
    done = run(place, QUICKSTART)
    took_s = time.monotonic() - began_s
    assert done.code == 1, done.err
    assert {name for name, verdict in done.verdicts.items() if verdict == "leak"} == set(TRUE_BYTES)
    assert set(done.verdicts.values()) <= {"leak", "clean", "bounded"}
    for found in done.document["endpoints"]:
        if found["name"] in TRUE_BYTES:
            low, high = TRUE_BYTES[found["name"]]
            assert found["channel"] == "php_heap"
            assert 0.9 * low <= found["bytes_per_request"] <= 1.1 * high
            assert found["ci95"][0] <= high
            assert found["ci95"][1] >= low
    assert took_s < LONGEST_S
    _kept_whole(place.results / "quickstart", done)


def _kept_whole(folder: Path, done: Finished) -> None:
    """The record is the document, and the samples alone give the same verdicts again."""
    (run_folder,) = folder.iterdir()
    assert json.loads((run_folder / "record.json").read_text()) == done.document
    assert hyperleak("analyze", run_folder, "--json").document["endpoints"] == done.document["endpoints"]


@pytest.mark.timeout(240)
def test_the_clean_twin_is_clean_and_says_below_which_limit(place: Place) -> None:
    done = run(place, TWIN)
    assert done.code == 0, done.err
    assert set(done.verdicts.values()) <= {"clean", "bounded"}
    for found in done.document["endpoints"]:
        if found["verdict"] == "clean":
            assert found["upper_limit_bytes_per_request"] < 64
    assert "CLEAN: no endpoint keeps as much as" in done.err


@pytest.mark.timeout(240)
def test_without_the_heaps_nobody_is_blamed_wrongly(place: Place, tmp_path: Path) -> None:
    document = yaml.safe_load(QUICKSTART.read_text())
    document["sampling"] = {"heap": False}
    document["load"]["budget"] = "25s"
    scenario = tmp_path / "blind.yaml"
    scenario.write_text(yaml.safe_dump(document, sort_keys=False))
    done = run(place, scenario)
    blamed = {name for name, verdict in done.verdicts.items() if verdict == "leak"}
    assert blamed <= set(TRUE_BYTES)
    assert not {name for name in TRUE_BYTES if done.verdicts[name] in ("clean", "bounded")}, done.err
    assert {found["channel"] for found in done.document["endpoints"]} == {"private_dirty"}
    assert done.code == (1 if blamed else 3)
