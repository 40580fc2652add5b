"""`hyperleak run` around the runs themselves: documents, texts and exit codes for each way that a run can end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli import run as run_module
from harness.errors import HyperleakError, Interrupted, TargetError
from harness.history import new_run
from harness.model.scenario import Scenario
from harness.model.target import TargetState
from harness.model.verdict import EndpointOutcome
from harness.run import RunResult, Watcher
from tests.unit.cli.conftest import Hyperleak
from tests.unit.verdicts import endpoint, verdict_of

Ran = Callable[[Scenario, Path, Watcher], RunResult]
SCENARIO = """\
name: {name}
target: {{image: app, port: 80}}
endpoints: [GET /static, GET /b]
"""


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Ran]:
    """What each scenario's run does, by the scenario's name."""
    by_name: dict[str, Ran] = {}

    def run_scenario(scenario: Scenario, results: Path, watcher: Watcher) -> RunResult:
        return by_name[scenario.name](scenario, results, watcher)

    monkeypatch.setattr(run_module, "run_scenario", run_scenario)
    return by_name


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, more: str = "") -> Path:
        file = tmp_path / f"{name}.yaml"
        file.write_text(SCENARIO.format(name=name) + more)
        return file

    return write


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def found(static: EndpointOutcome = "leak", ended: TargetState | None = None) -> Ran:
    def ran(scenario: Scenario, results: Path, watcher: Watcher) -> RunResult:
        watcher.phase("measuring")
        verdict = verdict_of(endpoint("GET /static", static), endpoint("GET /b", "clean"), run_id=scenario.name)
        folder = new_run(results, scenario.name, scenario.source)
        return RunResult(folder, scenario, verdict, ended, "[error] last words\x1b[0m", watcher.stop_asked())

    return ran


def failing(error: HyperleakError) -> Ran:
    def ran(*_: object) -> RunResult:
        raise error

    return ran


@pytest.mark.parametrize(
    ("outcome", "code", "first_word"), [("leak", 1, "LEAK"), ("clean", 0, "CLEAN"), ("inconclusive", 3, "INCONCLUSIVE")]
)
def test_a_run_ends_in_its_outcomes_code(
    outcome: EndpointOutcome,
    code: int,
    first_word: str,
    runs: dict[str, Ran],
    written: Callable[..., Path],
    hyperleak: Hyperleak,
) -> None:
    runs["one"] = found(outcome)
    done = hyperleak("run", written("one"), "--json")
    assert done.code == code
    assert done.document["run_id"] == "one"
    assert f"\n{first_word}: " in done.err
    plain = hyperleak("run", written("one"))
    assert f"\n{first_word}: " in plain.out
    assert plain.err == ""


def test_several_scenarios_give_a_list_and_the_worst_code(
    runs: dict[str, Ran], written: Callable[..., Path], hyperleak: Hyperleak
) -> None:
    runs |= {"a": found("clean"), "b": failing(TargetError("it died", hint="look at it")), "c": found("inconclusive")}
    done = hyperleak("run", *map(written, "abc"), "--json")
    first, second, third = done.document
    assert (first["run_id"], third["run_id"]) == ("a", "c")
    assert second == {"scenario": "b", "error": "it died", "hint": "look at it", "exit_code": 4}
    assert done.code == 4
    runs["c"] = found("leak")
    assert hyperleak("run", *map(written, "abc"), "--json").code == 1


def test_a_run_that_could_not_be_made_says_why_and_what_to_do(
    runs: dict[str, Ran], written: Callable[..., Path], hyperleak: Hyperleak
) -> None:
    runs["a"] = failing(TargetError("the image [none] is not there", hint="pull it"))
    done = hyperleak("run", written("a"))
    assert done.code == 4
    assert "hyperleak: a: the image [none] is not there\n  → pull it" in done.out


def test_a_target_that_died_could_not_be_measured_unless_it_ran_out_of_memory(
    runs: dict[str, Ran], written: Callable[..., Path], hyperleak: Hyperleak
) -> None:
    runs["a"] = found("leak", TargetState(running=False, exit_code=139, detail="segmentation fault"))
    died = hyperleak("run", written("a"))
    assert died.code == 4
    assert "The target died: segmentation fault\n[error] last words\\x1b[0m" in died.out
    runs["a"] = found("leak", TargetState(running=False, exit_code=137, oom_kills=1))
    assert hyperleak("run", written("a")).code == 1


@pytest.mark.parametrize(
    ("expected", "outcome", "code", "said"),
    [
        ("leak", "leak", 0, None),
        ("leak", "clean", 1, "Not as expected: GET /static is clean, expected leak"),
        ("clean", "leak", 1, "Not as expected: GET /static is leak, expected clean"),
        ("leak", "inconclusive", 3, "Not as expected: GET /static is inconclusive, expected leak"),
        ("bounded", "clean", 1, "Not as expected: GET /static is clean, expected bounded"),
    ],
)
def test_what_was_expected_is_success_and_nothing_else(
    expected: str,
    outcome: EndpointOutcome,
    code: int,
    said: str | None,
    runs: dict[str, Ran],
    written: Callable[..., Path],
    hyperleak: Hyperleak,
) -> None:
    runs["a"] = found(outcome)
    done = hyperleak("run", written("a", f'expect: {{"GET /static": {expected}}}\n'))
    assert done.code == code
    assert (said or "") in done.out
    assert ("Not as expected" in done.out) == (said is not None)


def test_an_unexpected_leak_beside_the_expected_is_told(
    runs: dict[str, Ran], written: Callable[..., Path], hyperleak: Hyperleak
) -> None:
    runs["a"] = found("leak")
    done = hyperleak("run", written("a", 'expect: {"GET /b": clean}\n'))
    assert done.code == 1
    assert "Not as expected: GET /static is leak, expected no leak" in done.out


@pytest.mark.parametrize(
    ("ran", "code"),
    [
        (found("clean"), 0),
        (found("leak"), 1),
        (found("inconclusive"), 125),
        (failing(TargetError("gone")), 125),
        (failing(RuntimeError("a fault")), 125),  # type: ignore[arg-type]
    ],
)
def test_git_bisect_is_answered_good_bad_or_skip(
    ran: Ran, code: int, runs: dict[str, Ran], written: Callable[..., Path], hyperleak: Hyperleak
) -> None:
    runs["a"] = ran
    assert hyperleak("run", written("a"), "--exit-for-bisect").code == code


@pytest.mark.parametrize("arguments", [["none.yaml"], ["a.yaml", "--threshold", "much"], ["a.yaml", "--no-such"], []])
def test_git_bisect_stops_at_bad_input(
    arguments: list[str], runs: dict[str, Ran], written: Callable[..., Path], hyperleak: Hyperleak
) -> None:
    written("a")
    assert hyperleak("run", *arguments).code == 2
    assert hyperleak("run", *arguments, "--exit-for-bisect").code == 128


def test_a_bad_scenario_is_told_before_any_run_begins(
    runs: dict[str, Ran], written: Callable[..., Path], hyperleak: Hyperleak
) -> None:
    runs["a"] = failing(AssertionError("it was run"))  # type: ignore[arg-type]
    done = hyperleak("run", written("a"), written("b", "colour: red\n"), "--json")
    assert done.code == 2
    assert "b.yaml:4:1" in done.err
    assert done.document["exit_code"] == 2


def test_a_fault_of_the_programs_own_does_not_look_like_a_leak(
    runs: dict[str, Ran], written: Callable[..., Path], hyperleak: Hyperleak
) -> None:
    runs["a"] = failing(ZeroDivisionError("oh"))  # type: ignore[arg-type]
    done = hyperleak("run", written("a"))
    assert done.code == 4
    assert "ZeroDivisionError: oh" in done.err


def interrupted(times: int) -> Ran:
    """Ctrl-C so many times while it measures, then, where the run goes on, once more while it removes."""

    def ran(scenario: Scenario, results: Path, watcher: Watcher) -> RunResult:
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
        watcher.measured()
        os.kill(os.getpid(), signal.SIGTERM)
        return found("clean")(scenario, results, watcher)

    return ran


def test_ctrl_c_once_ends_the_run_with_its_verdict_and_begins_no_other(
    runs: dict[str, Ran], written: Callable[..., Path], hyperleak: Hyperleak
) -> None:
    runs |= {"a": interrupted(1), "b": failing(AssertionError("it was run"))}  # type: ignore[arg-type]
    done = hyperleak("run", *map(written, "ab"), "--json")
    assert done.code == 130
    assert [document["run_id"] for document in done.document] == ["a"]
    assert "finishing this window" in done.err
    assert "Stopped early, as asked" in done.err
    assert "being removed" in done.err


def test_ctrl_c_twice_stops_at_once(runs: dict[str, Ran], written: Callable[..., Path], hyperleak: Hyperleak) -> None:
    runs["a"] = interrupted(2)
    done = hyperleak("run", written("a"), "--json")
    assert done.code == 130
    assert done.document == {"error": "interrupted", "hint": "", "exit_code": 130}


def test_what_a_stopped_run_kept_is_told(
    runs: dict[str, Ran], written: Callable[..., Path], hyperleak: Hyperleak
) -> None:
    runs["a"] = failing(Interrupted("stopped; kept in results/a/1", hint="hyperleak analyze results/a/1"))
    done = hyperleak("run", written("a"), "--json")
    assert done.code == 130
    assert done.document["hint"] == "hyperleak analyze results/a/1"


def test_quiet_prints_the_answer_alone(
    runs: dict[str, Ran], written: Callable[..., Path], hyperleak: Hyperleak
) -> None:
    runs["a"] = found("leak")
    assert "a: measuring" in hyperleak("run", written("a")).out
    assert hyperleak("run", written("a"), "--quiet").out.startswith("LEAK: ")
    silent = hyperleak("run", written("a"), "--quiet", "--json")
    assert silent.err == ""
    assert silent.document["outcome"] == "leak"


def test_options_of_judging_override_the_scenario(
    runs: dict[str, Ran], written: Callable[..., Path], hyperleak: Hyperleak
) -> None:
    seen: list[Scenario] = []

    def ran(scenario: Scenario, results: Path, watcher: Watcher) -> RunResult:
        seen.append(scenario)
        return found("clean")(scenario, results, watcher)

    runs["a"] = ran
    file = written("a", "threshold: 128B\nseed: 5\n")
    hyperleak("run", file)
    hyperleak("run", file, "--threshold", "1KiB", "--confidence", "0.9", "--seed", "7", "--estimator", "gls")
    assert [(s.threshold_bytes, s.confidence, s.seed) for s in seen] == [(128, 0.99, 5), (1024, 0.9, 7)]
    assert [s.estimator for s in seen] == ["robust", "gls"]


def test_a_budget_overrides_the_scenarios_own_and_nothing_else_of_the_load(
    runs: dict[str, Ran], written: Callable[..., Path], hyperleak: Hyperleak
) -> None:
    seen: list[Scenario] = []

    def ran(scenario: Scenario, results: Path, watcher: Watcher) -> RunResult:
        seen.append(scenario)
        return found("clean")(scenario, results, watcher)

    runs["a"] = ran
    hyperleak("run", written("a", "load: {users: 3, budget: 10s}\n"), "--budget", "1m30s")
    assert [(s.load.budget_s, s.load.users) for s in seen] == [(90.0, 3)]
    assert hyperleak("run", written("a"), "--budget", "0").code == 2


def test_the_answer_leads_on_to_commands_with_this_runs_files(
    runs: dict[str, Ran], written: Callable[..., Path], hyperleak: Hyperleak
) -> None:
    runs["a"] = found("inconclusive")
    told = hyperleak("run", written("a")).out
    assert "hyperleak run a.yaml --budget 2m" in told
    assert "\nKept in results/a/" in told
    runs["a"] = found("leak")
    assert "hyperleak report results/a/" in hyperleak("run", written("a")).out
