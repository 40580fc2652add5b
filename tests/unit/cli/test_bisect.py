"""`hyperleak bisect` around the search: answers, documents and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.bisection import perform
from tests.command import Finished
from tests.leaky_history import make_history
from tests.unit.bisection.simulated import STATIC, Searches, SimulatedRuns, Sizes
from tests.unit.cli.conftest import Hyperleak

COMMITS = 16


@pytest.fixture
def place(tmp_path: Path) -> Searches:
    return Searches(make_history(tmp_path / "app", 0, commits=COMMITS), tmp_path)


def asked(hyperleak: Hyperleak, place: Searches, *options: object, good: str = "", bad: str = "main") -> Finished:
    revisions = ("--good", good or place.history.first, "--bad", bad)
    repository = ("--repo", place.history.folder, "--results", place.results)
    return hyperleak("bisect", place.scenario(), *repository, *revisions, *options)


def simulate(monkeypatch: pytest.MonkeyPatch, size: Sizes | None = None) -> None:
    runs = SimulatedRuns(size=size) if size else SimulatedRuns()
    monkeypatch.setattr(perform.bisect, "__kwdefaults__", {"resume": False, "run": runs})


def test_a_found_leak_is_code_1_and_named(
    hyperleak: Hyperleak, place: Searches, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(monkeypatch)
    done = asked(hyperleak, place, "--json")
    assert done.code == 1
    assert (done.document["outcome"], done.document["commit"]["sha"]) == ("found", place.history.changed)
    assert done.document["log"].startswith("# bad: ")
    assert f"BROUGHT BY {place.history.changed[:12]}" in done.err
    (folder,) = (place.results / "bisections").iterdir()
    assert json.loads((folder / "bisection.json").read_text()) == done.document
    plain = asked(hyperleak, place)
    assert f"{STATIC}: 0 B/request before, 640 B/request after" in plain.out
    assert "App\\Registry::$items, /app/a.php:7" in plain.out
    assert "git bisect replay" in plain.out


def test_a_found_fix_is_code_0(hyperleak: Hyperleak, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(monkeypatch)
    place = Searches(make_history(tmp_path / "app", 0, commits=COMMITS, fix=True), tmp_path)
    done = asked(hyperleak, place, "--find", "fix", good="main", bad=place.history.first)
    assert done.code == 0
    assert f"FIXED BY {place.history.changed[:12]}" in done.out


def test_ends_that_do_not_differ_are_code_2(
    hyperleak: Hyperleak, place: Searches, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(monkeypatch, lambda _: 640.0)
    done = asked(hyperleak, place, "--json")
    assert done.code == 2
    assert "don't differ" in done.document["error"]
    assert asked(hyperleak, place, good="nonsense").code == 2


def test_candidates_instead_of_a_commit_are_code_3(
    hyperleak: Hyperleak, place: Searches, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_before = {COMMITS - 1}

    def never_at_first(notes: str) -> float:
        at = int(notes.split(":")[0])
        again = at in asked_before
        asked_before.add(at)
        return 640.0 if again and "leaks True" in notes else 0.0

    simulate(monkeypatch, never_at_first)
    done = asked(hyperleak, place)
    assert done.code == 3
    assert "INCONCLUSIVE: brought by one of " in done.out
    assert place.history.changed[:12] in done.out


def test_what_comes_from_a_commit_cannot_steer_the_terminal(
    hyperleak: Hyperleak, place: Searches, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(monkeypatch)
    from harness.report.bisection import bisection_headline, bisection_lines

    answered = place.search(SimulatedRuns())
    assert answered.result.commit is not None
    evil = answered.result.commit.model_copy(
        update={"subject": "\x1b[2J[red]", "author": "\x1b]0;x\x07", "files": ("a\nb\x1b[1m",)}
    )
    hostile = answered.result.model_copy(update={"commit": evil})
    lines = [str(bisection_headline(hostile)), *bisection_lines(hostile, folder=place.place, log=place.place)]
    assert not any("\x1b" in line or "\x07" in line for line in lines)
