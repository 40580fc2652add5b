"""The census walks whatever a worker may hold: bounded in time, honest in size, and without running code of the app."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.php_builds import PhpBuild, debian_builds, own_php

DRIVER = Path(__file__).with_name("census_graphs.php")
PROBE = Path(__file__).parents[2] / "harness/probe"
SIZED = ("strings", "rows", "objects", "keys", "closures", "ten million integers", "three million strings")
UNBOUNDED = ("list of depth 10,000", "arrays of depth 10,000", "shared twice at each of 40 levels")
LIMIT_S = 0.1
PLUS_SCHEDULING_S = 0.1
"""The machine's other processes have the processor in between."""

PLACES_NAMED_BYTES = 128
"""The driver's own variables."""


@pytest.fixture(scope="module", params=["own", "8.4"])
def php(request: pytest.FixtureRequest) -> PhpBuild:
    if request.param == "own":
        return own_php()
    return next(build for build in debian_builds() if build.name == request.param)


def walk(php: PhpBuild, case: str, seed: int = 0) -> dict[str, Any]:
    done = subprocess.run(
        [*php.command, "-d", "memory_limit=-1", str(DRIVER), str(PROBE), case, str(seed)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["touched"] == []
    assert found["written"]
    assert found["seconds"] < LIMIT_S + PLUS_SCHEDULING_S
    return found


@pytest.mark.parametrize("case", SIZED)
def test_sizes_are_those_of_memory_get_usage_within_a_quarter(php: PhpBuild, case: str) -> None:
    found = walk(php, case)
    assert found["estimated"] == pytest.approx(found["real"], rel=0.25)


@pytest.mark.parametrize("case", UNBOUNDED)
def test_depth_and_sharing_end_in_bounded_time(php: PhpBuild, case: str) -> None:
    found = walk(php, case)
    assert found["places"] < 1000
    assert found["stopped"] == ("time" if "shared" in case else "")


def test_no_accessor_initialiser_iterator_or_autoloader_is_run(php: PhpBuild) -> None:
    found = walk(php, "odd")
    assert found["walked"] > 50
    assert found["position"] == [1, 1], "the iterators of the app stay where they were"


@pytest.mark.parametrize("seed", range(8))
def test_random_graphs_with_cycles_and_references(php: PhpBuild, seed: int) -> None:
    found = walk(php, "random", seed)
    assert found["estimated"] > 0


@pytest.mark.parametrize("case", ["empty", "odd", "random"])
def test_a_walk_leaves_nothing_in_the_heap(php: PhpBuild, case: str) -> None:
    assert walk(php, case)["retained"] <= PLACES_NAMED_BYTES
