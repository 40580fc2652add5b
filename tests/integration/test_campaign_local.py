"""A campaign of real runs on this machine that is killed in the middle, and goes on."""

from __future__ import annotations

import time
from collections import Counter

import yaml

from tests.command import Program, hyperleak
from tests.place import CLEAN, LEAK, Place, local

SHORT = {"budget": "1s", "confirm": 100}


def test_a_campaign_killed_in_the_middle_goes_on_without_a_run_lost_or_made_twice(place: Place) -> None:
    endpoints = {"static": (LEAK, CLEAN), "calm": (CLEAN, "GET /static/clean")}
    scenarios = [place.scenario(local(), *asked, name=name, load=SHORT) for name, asked in endpoints.items()]
    file = place.results.parent / "campaign.yaml"
    file.write_text(yaml.safe_dump({"name": "c", "scenarios": [str(path) for path in scenarios], "repetitions": 2}))
    arguments = ("campaign", file, "--results", place.results)
    with Program(*arguments, "--json", environment=place.environment) as program:
        program.wait_for("[1/4")
        wait_for_a_target(place)
        program.kill()
    done = hyperleak(*arguments, "--resume", "--json")
    document = done.document
    assert (done.code, document["planned"], document["measured"]) == (1, 4, 4)
    attempts = Counter(len(run["attempts"]) for run in document["runs"])
    assert attempts == {1: 3, 2: 1}
    records = list((place.results / "campaigns/c/runs").glob("*/record.json"))
    assert len(records) == 4
    rates = {(case["scenario"], case["endpoint"]): case["rate"] for case in document["cases"]}
    assert rates["static", LEAK] == 1.0
    assert rates["calm", CLEAN] == rates["static", CLEAN] == 0.0
    assert "removed: " in done.err


def wait_for_a_target(place: Place) -> None:
    """Until the second run has its target."""
    deadline_s = time.monotonic() + 60
    while len(list((place.results / "campaigns/c/runs").glob("*/logs/target.log"))) < 2:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
