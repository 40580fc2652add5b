"""Every way that a run in a container can end: its exit code, what it keeps, and that it leaves nothing else."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from harness.model.samples import Event
from harness.reanalysis import analyse_path
from tests.command import Program, hyperleak
from tests.e2e.targets import IMAGE, PORT, everything_of
from tests.place import CLEAN, LEAK, Place, local

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("resident_image")]

RUNS_IN_A_ROW = 8
# Confirming takes four windows of 4 s.
LONG = {"budget": "60s", "confirm": 16_000}
SOAK = {"profile": "soak", "budget": "120s"}
MEASURING = "measuring under load"


@pytest.fixture
def place(tmp_path: Path, engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Runs of this process and of others; of none of them may anything be left but results."""
    made = Place(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", None)
    before = anonymous_objects(engine)
    yield made
    assert made.left() == []
    assert everything_of(engine, made.name) == []
    assert anonymous_objects(engine) - before == set()


def anonymous_objects(engine: docker.DockerClient) -> set[str]:
    """Networks and volumes that say of no run that they are its own."""
    found: list[dict[str, Any]] = [*engine.api.networks(), *(engine.api.volumes().get("Volumes") or [])]
    return {each["Name"] for each in found if "hyperleak.run" not in (each.get("Labels") or {})}


def container(**more: Any) -> dict[str, Any]:
    """The resident app in a container."""
    return {"image": IMAGE, "port": PORT, "memory": "256MiB", **more}


def only_folder(place: Place) -> Path:
    (folder,) = place.folders()
    return folder


def kinds(document: Any) -> set[str]:
    return {Event.model_validate(event).kind for event in document["events"]}


def test_an_image_that_cant_be_had(place: Place) -> None:
    scenario = place.scenario(container(image="hyperleak.invalid/none:1"))
    done = hyperleak("run", scenario, "--results", place.results, "--json")
    assert done.code == 4
    assert "hyperleak.invalid/none:1" in done.document["error"]
    assert done.document["hint"]
    assert hyperleak("run", scenario, "--results", place.results, "--exit-for-bisect").code == 125


def test_a_target_that_dies_at_start(place: Place) -> None:
    dying = container(container_command=["php", "-r", "fwrite(STDERR, 'no database'); exit(3);"])
    done = hyperleak("run", place.scenario(dying), "--results", place.results, "--json")
    assert done.code == 4
    assert "exited with 3" in done.document["error"]
    assert "no database" in done.document["error"]


def test_a_build_leaves_no_image(place: Place, engine: docker.DockerClient, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\nENV BUILT_FOR={place.name}\n")
    scenario = place.scenario({"build": {"context": "."}, "port": PORT}, load={"budget": "1s"})
    before = {image["Id"] for image in engine.api.images()}
    done = hyperleak("run", scenario, "--results", place.results, "--json")
    assert done.code in (1, 3), done.err
    made = {image["Id"] for image in engine.api.images()} - before
    assert not [each for each in made if place.name in str(engine.images.get(each).attrs["Config"]["Env"])]


def test_a_target_that_dies_in_the_middle(place: Place, engine: docker.DockerClient) -> None:
    scenario = place.scenario(container(), load=LONG)
    with Program("run", scenario, "--results", place.results, "--json", environment=place.environment) as program:
        program.wait_for(MEASURING)
        program.wait_for("clean")
        for running in engine.containers.list(filters={"name": place.name}):
            running.kill(signal.SIGKILL)
        done = program.finish()
    assert done.code == 4
    assert "target_died" in kinds(done.document)
    assert "The target died" in done.err
    assert done.verdicts[CLEAN] in ("clean", "inconclusive")
    assert json.loads((only_folder(place) / "record.json").read_text()) == done.document


def test_ctrl_c_once_keeps_a_verdict(place: Place) -> None:
    scenario = place.scenario(container(), load=LONG)
    with Program("run", scenario, "--results", place.results, "--json", environment=place.environment) as program:
        program.wait_for(MEASURING)
        program.wait_for("clean")
        program.interrupt()
        done = program.finish(60)
    assert done.code == 130
    assert "finishing this window" in done.err
    assert set(done.verdicts) == {LEAK, CLEAN}
    folder = only_folder(place)
    assert json.loads((folder / "record.json").read_text()) == done.document
    assert hyperleak("analyze", folder, "--json").document["endpoints"] == done.document["endpoints"]


def test_ctrl_c_twice_and_more_stops_at_once(place: Place) -> None:
    scenario = place.scenario(container(), load=LONG | {"rate": "20/s", "window": "30s", "warmup": 0})
    with Program("run", scenario, "--results", place.results, "--json", environment=place.environment) as program:
        program.wait_for(MEASURING)
        program.interrupt()
        program.wait_for("finishing this window")
        program.interrupt()
        with contextlib.suppress(ProcessLookupError):
            program.wait_for("stopping")
            program.interrupt()
            program.interrupt()
        done = program.finish(25)
    folder = only_folder(place)
    assert done.code == 130
    assert str(folder) in done.document["error"]
    assert "hyperleak analyze" in done.document["hint"]
    assert not (folder / "record.json").exists()
    assert [found.name for found in analyse_path(folder).endpoints] == [LEAK, CLEAN]


def test_a_leak_up_to_the_memory_limit_is_a_result(place: Place) -> None:
    greedy = container(memory="64MiB", environment={"WORKERS": 1})
    scenario = place.scenario(
        greedy, "GET /static?bytes=1048576", CLEAN, screening={"enabled": False}, load={"confirm": 20}
    )
    done = hyperleak("run", scenario, "--results", place.results, "--json")
    assert done.code in (1, 3), done.err
    assert "oom_kill" in kinds(done.document)
    assert done.verdicts[CLEAN] in ("clean", "inconclusive")
    assert done.verdicts["GET /static?bytes=1048576"] in ("leak", "inconclusive")


def test_workers_that_crash_are_events(place: Place) -> None:
    pages = [{"page": "clean"}] * 39 + [{"page": "crash"}]
    now_and_then = {"name": "GET /fragile", "path": "/{{ page }}", "values": pages, "screen": False}
    scenario = place.scenario(container(), LEAK, CLEAN, now_and_then, load={"budget": "6s"})
    done = hyperleak("run", scenario, "--results", place.results, "--json")
    assert done.code in (1, 3), done.err
    assert "worker_restart" in kinds(done.document)
    assert "oom_kill" not in kinds(done.document)
    assert done.verdicts[LEAK] in ("leak", "inconclusive")
    assert "leak" not in (done.verdicts[CLEAN], done.verdicts["GET /fragile"])
    assert done.document["endpoints"][2]["failures"]["connection"] > 0


@pytest.mark.parametrize("phase", ["starting the load generator", MEASURING])
def test_what_a_killed_harness_leaves_is_removed_by_gc_and_only_that(
    phase: str, place: Place, engine: docker.DockerClient, tmp_path: Path
) -> None:
    alive = Place(_folder(tmp_path / "alive"))
    with Program("run", alive.scenario(local(), load=SOAK), "--results", alive.results, "--json") as other:
        other.wait_for(MEASURING)
        scenario = place.scenario(container(), load=LONG)
        with Program("run", scenario, "--results", place.results, "--json", environment=place.environment) as program:
            program.wait_for(phase)
            program.kill()
        assert len(everything_of(engine, place.name)) == 1
        removed = hyperleak("gc", "--results", place.results, "--json")
        assert removed.code == 0
        ours = [leftover for leftover in removed.document if place.name in leftover["run_id"]]
        assert "container" in {leftover["kind"] for leftover in ours}
        assert all(leftover["removed"] for leftover in ours)
        assert not [leftover for leftover in removed.document if alive.name in leftover["run_id"]]
        other.interrupt()
        assert other.finish(60).code == 130
    if phase == MEASURING:
        assert [found.name for found in analyse_path(only_folder(place)).endpoints] == [LEAK, CLEAN]
    else:
        assert place.folders() == []


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.timeout(300)
def test_many_runs_in_a_row_leave_nothing(place: Place) -> None:
    load = {"budget": "1s", "confirm": 50}
    scenarios = [place.scenario(container(), load=load), place.scenario(local(), load=load)]
    done = hyperleak("run", *(scenarios * (RUNS_IN_A_ROW // 2)), "--results", place.results, "--json", "--quiet")
    assert len({document["run_id"] for document in done.document}) == RUNS_IN_A_ROW
    assert {tuple(e["name"] for e in document["endpoints"]) for document in done.document} == {(LEAK, CLEAN)}
    assert all((folder / "record.json").exists() for folder in place.folders())
    assert len(place.folders()) == RUNS_IN_A_ROW
