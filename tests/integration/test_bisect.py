"""Searches with real measurements: the resident app of each commit, started as local processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.command import PROGRAM, ROOT, Program, hyperleak
from tests.leaky_history import LEAK_BYTES, History, git, make_history
from tests.place import LEAK, Place

SMALL = 8


@pytest.fixture
def history(tmp_path: Path) -> Iterator[Callable[..., History]]:
    """Makes a repository, which must be afterwards as it was."""
    made: list[tuple[History, tuple[str, ...]]] = []

    def make(seed: int, **options: bool | int) -> History:
        found = make_history(tmp_path / "app", seed, app=True, **options)  # type: ignore[arg-type]
        made.append((found, found.state()))
        return found

    yield make
    assert [found.state() for found, _ in made] == [before for _, before in made]


def scenario(place: Place, folder: Path) -> Path:
    target = {"command": ["php", "resident/server.php"], "cwd": str(folder), "port": 0, "environment": {"WORKERS": 2}}
    return place.scenario(target, LEAK)


def question(place: Place, app: History, good: str, bad: str) -> list[object]:
    options = ["--repo", app.folder, "--results", place.results, "--json"]
    return ["bisect", scenario(place, app.folder), "--good", good, "--bad", bad, *options]


def test_the_commit_that_brought_a_leak_is_named_with_its_holder(place: Place, history: Callable[..., History]) -> None:
    app = history(7)
    done = hyperleak(*question(place, app, app.first, app.last))
    assert done.code == 1, done.err
    found = done.document
    assert (found["commit"]["sha"], found["outcome"]) == (app.changed, "found")
    assert found["measured_commits"] <= 10
    assert max(tested["load_s"] for tested in found["tested"]) < 20
    assert found["before_bytes_per_request"] < 64
    assert found["after_bytes_per_request"] == pytest.approx(LEAK_BYTES, rel=0.15)
    (holder,) = found["holders"]
    assert holder["path"] == "Leaks\\Cause\\StaticProperty::$items"
    assert holder["file"] == "leaks/src/Cause/StaticProperty.php"


def test_a_fix_is_found_by_a_search_that_was_killed_on_the_way(place: Place, history: Callable[..., History]) -> None:
    app = history(0, fix=True, commits=SMALL)
    asked = [*question(place, app, app.last, app.first), "--find", "fix"]
    with Program(*asked, environment=place.environment) as program:
        program.wait_for("B/request at the good revision")
        program.wait_for("B/request (")
        program.wait_for("measuring")
        program.kill()
    assert len(git(app.folder, "worktree", "list").splitlines()) == 2
    done = hyperleak(*asked, "--resume")
    assert "going on in" in done.err
    assert (done.code, done.document["commit"]["sha"]) == (0, app.changed), done.err
    assert done.document["before_bytes_per_request"] == pytest.approx(LEAK_BYTES, rel=0.15)


def test_git_bisect_run_is_answered(place: Place, history: Callable[..., History], tmp_path: Path) -> None:
    app = history(13, commits=2 * SMALL)
    tree = tmp_path / "tree"
    git(app.folder, "worktree", "add", "--detach", str(tree), "main")
    command = [*PROGRAM, "run", str(scenario(place, tree)), "--results", str(place.results), "--exit-for-bisect"]
    guilty = app.commits.index(app.changed)
    git(tree, "bisect", "start", app.commits[guilty + 1], app.commits[guilty - 2])
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["git", "bisect", "run", *command], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert f"{app.changed} is the first bad commit" in done.stdout, done.stdout + done.stderr
    git(app.folder, "worktree", "remove", "--force", str(tree))
