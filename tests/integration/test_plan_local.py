"""`hyperleak plan` with a real calibration: real Locust against the resident app as plain processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import Program, hyperleak
from tests.place import CLEAN, LEAK, Place, local


@pytest.fixture
def place(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Where nothing may be left, not even results."""
    monkeypatch.chdir(tmp_path)
    yield place
    assert not place.results.exists()


def test_an_app_is_calibrated_and_all_is_stopped_again(place: Place) -> None:
    scenario = place.scenario(local(), LEAK, CLEAN, load={"budget": "10s"})
    done = hyperleak("plan", scenario, "--json", "--leak", "100B")
    assert done.code == 0, done.err
    document = done.document
    assert (document["noise"]["source"], document["noise"]["channel"]) == ("calibration", "php_heap")
    assert document["noise"]["white_bytes"] < 100
    assert 0 < document["noise"]["settled_sample_s"] < 0.2
    assert 500 < document["noise"]["rate"] < 1500
    assert 64 < document["smallest_leak_bytes_per_request"] < 80
    assert document["wanted"]["budget_s"] < 10
    assert {"calibrating"} <= {line.partition(": ")[2] for line in done.err.splitlines()}


def test_what_is_planned_is_what_the_run_takes(place: Place) -> None:
    scenario = place.scenario(local(), LEAK, CLEAN)
    planned = hyperleak("plan", scenario, "--json", "--quiet").document
    results = place.results.parent / "runs"
    ran = hyperleak("run", scenario, "--results", results, "--json", "--quiet")
    assert ran.code == 1
    assert sum(found["requests"] for found in ran.document["endpoints"]) <= planned["requests"]
    assert ran.document["endpoints"][0]["bytes_per_request"] > planned["smallest_leak_bytes_per_request"]


def test_an_unlimited_rate_is_measured(place: Place) -> None:
    done = hyperleak("plan", place.scenario(local(), CLEAN, load={"rate": "max"}), "--json", "--quiet")
    assert done.code == 0, done.err
    assert done.document["noise"]["rate"] > 300


def test_workers_that_live_too_short_are_seen_to(place: Place) -> None:
    done = hyperleak("plan", place.scenario(local(MAX_REQUEST=40), CLEAN), "--json", "--quiet")
    assert "max_request" in {warning["kind"] for warning in done.document["warnings"]}


def test_a_target_that_does_not_start_could_not_be_measured(place: Place) -> None:
    target = {"command": ["php", "-r", "exit(3);"], "port": 0}
    done = hyperleak("plan", place.scenario(target), "--json")
    assert done.code == 4
    assert done.document["hint"]


def test_an_interrupted_calibration_leaves_nothing(place: Place) -> None:
    scenario = place.scenario(local(), load={"window": "2s"})
    with Program("plan", scenario, "--json", environment=place.environment) as program:
        program.wait_for("calibrating")
        program.interrupt()
        done = program.finish(60)
    assert done.code == 130
    assert done.document["exit_code"] == 130
