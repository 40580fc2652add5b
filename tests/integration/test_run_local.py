"""Whole runs with real Locust against the resident app as plain processes of this machine."""

from __future__ import annotations

import json

import psutil
import pytest

from harness.reanalysis import analyse_path
from tests.command import Program, hyperleak
from tests.place import CLEAN, LEAK, Place, local

# An element of the static array costs 640 bytes, and the array's doublings 16 to 32 a request.
LEAK_BYTES = (640 + 16, 640 + 32)


def test_a_leak_is_found_recorded_and_found_again_in_the_record(place: Place) -> None:
    scenario = place.scenario(local(), LEAK, CLEAN, "GET /big", load={"budget": "6s", "confirm": 1000})
    done = hyperleak("run", scenario, "--results", place.results, "--json")
    assert (done.code, done.verdicts) == (1, {LEAK: "leak", CLEAN: "clean", "GET /big": "clean"})
    found = done.document["endpoints"][0]
    assert found["channel"] == "php_heap"
    assert 0.9 * LEAK_BYTES[0] <= found["bytes_per_request"] <= 1.1 * LEAK_BYTES[1]
    assert (found["screened"]["verdict"], found["screened"]["typical_bytes_per_request"]) == ("leak", 640.0)
    assert found["failures"] == {}
    (folder,) = place.folders()
    record = json.loads((folder / "record.json").read_text())
    assert record == done.document
    again = hyperleak("analyze", folder, "--json")
    assert again.document["endpoints"] == record["endpoints"]
    assert again.code == 1


def test_the_heap_switched_off_blames_nobody_wrongly(place: Place) -> None:
    scenario = place.scenario(local(), LEAK, CLEAN, sampling={"heap": False}, load={"budget": "4s"})
    done = hyperleak("run", scenario, "--results", place.results, "--json")
    assert done.verdicts[CLEAN] != "leak"
    assert done.verdicts[LEAK] != "clean"
    assert {found["channel"] for found in done.document["endpoints"]} == {"private_dirty"}


def test_recycled_workers_give_the_same_attribution(place: Place) -> None:
    scenario = place.scenario(local(MAX_REQUEST=200), load={"budget": "12s", "window": "80ms", "confirm": 400})
    done = hyperleak("run", scenario, "--results", place.results, "--json")
    assert done.verdicts == {LEAK: "leak", CLEAN: "clean"}
    assert 0.85 * LEAK_BYTES[0] <= done.document["endpoints"][0]["bytes_per_request"] <= 1.15 * LEAK_BYTES[1]
    assert "worker_restart" in {event["kind"] for event in done.document["events"]}


@pytest.mark.parametrize(
    ("expected", "options", "code"),
    [({LEAK: "leak", CLEAN: "clean"}, [], 0), ({LEAK: "leak"}, ["--exit-for-bisect"], 0), ({LEAK: "clean"}, [], 1)],
)
def test_what_is_expected_is_success(expected: dict[str, str], options: list[str], code: int, place: Place) -> None:
    scenario = place.scenario(local(), expect=expected)
    done = hyperleak("run", scenario, "--results", place.results, *options)
    assert done.code == code, done.out
    assert ("Not as expected" in done.out) == (code == 1)


def test_a_command_that_dies_at_start_is_told_with_its_last_words(place: Place) -> None:
    target = {"command": ["php", "-r", "fwrite(STDERR, 'no [database] here'); exit(3);"], "port": 0}
    done = hyperleak("run", place.scenario(target), "--results", place.results, "--json")
    assert done.code == 4
    assert "no [database] here" in done.document["error"]
    assert done.document["hint"]
    assert hyperleak("run", place.scenario(target), "--results", place.results, "--exit-for-bisect").code == 125


def test_a_killed_harness_leaves_samples_and_nothing_that_runs(place: Place) -> None:
    scenario = place.scenario(local(), load={"budget": "60s", "confirm": 100_000})
    with Program("run", scenario, "--results", place.results, "--json", environment=place.environment) as program:
        program.wait_for("measuring under load")
        program.wait_for("leak", 30)
        program.kill()
    (folder,) = place.folders()
    assert not (folder / "record.json").exists()
    assert [found.name for found in analyse_path(folder).endpoints] == [LEAK, CLEAN]
    removed = hyperleak("gc", "--results", place.results, "--json")
    assert removed.code == 0
    assert all(
        place.name in leftover["run_id"] for leftover in removed.document if str(place.temporary) in leftover["name"]
    )
    assert (folder / "samples.jsonl").exists()


def test_a_load_generator_that_is_killed_is_told_with_what_can_still_be_read(place: Place) -> None:
    scenario = place.scenario(local(), load={"budget": "60s", "confirm": 100_000})
    with Program("run", scenario, "--results", place.results, "--json", environment=place.environment) as program:
        program.wait_for("measuring under load")
        for child in psutil.Process(program.pid).children():
            if "locust" in " ".join(child.cmdline()):
                child.kill()
        done = program.finish(60)
    (folder,) = place.folders()
    assert done.code == 4
    assert "was killed by SIGKILL" in done.document["error"]
    assert f"hyperleak analyze {folder}" in done.document["hint"]
    assert [found.name for found in analyse_path(folder).endpoints] == [LEAK, CLEAN]


ONLY_UNDER_LOAD = ["GET /volume", "GET /contended", "GET /static/clean", "GET /clean", "GET /big"]


def test_what_only_volume_or_concurrency_leaks_is_found_and_the_screening_is_contradicted(place: Place) -> None:
    load = {"budget": "24s", "confirm": 1000}
    done = hyperleak("run", place.scenario(local(), *ONLY_UNDER_LOAD, load=load), "--results", place.results)
    (folder,) = place.folders()
    record = json.loads((folder / "record.json").read_text())
    volume, contended, *others = record["endpoints"]
    assert [found["verdict"] for found in (volume, contended)] == ["leak", "leak"], done.out
    assert [found["verdict"] for found in others] == ["clean"] * 3
    assert not any("together they keep" in note for note in record["notes"])
    for found in (volume, contended):
        assert found["screened"]["verdict"] == "clean"
        assert found["note"].startswith("one request at a time keeps nothing")
    assert 0.9 * LEAK_BYTES[0] <= volume["bytes_per_request"] <= 1.1 * LEAK_BYTES[1]
    for page in (done.out, (folder / "report.html").read_text()):
        assert "one request at a time keeps nothing: it takes load" in " ".join(page.split())


def test_the_clean_twins_of_what_only_load_shows_are_clean(place: Place) -> None:
    twins = [f"{name}/clean" if number < 2 else name for number, name in enumerate(ONLY_UNDER_LOAD)]
    scenario = place.scenario(local(), *twins, load={"budget": "12s", "confirm": 1000})
    done = hyperleak("run", scenario, "--results", place.results, "--json")
    assert (done.code, set(done.verdicts.values())) == (0, {"clean"})
    assert not any("fewer than" in note for note in done.document["notes"])
