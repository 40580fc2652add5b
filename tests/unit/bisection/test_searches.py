"""The search for a commit in real repositories, with simulated measurements."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.bisection.perform import Question
from harness.bisection.tree import own_tree
from harness.errors import InputError, Interrupted, MeasureError, TargetError
from harness.model.bisection import Bisection, Find
from harness.repository import open_repository
from harness.target.labels import Owner, this_process
from tests.leaky_history import AUTHOR, COMMITS, LEAK_BYTES, git, make_history
from tests.unit.bisection.conftest import Make
from tests.unit.bisection.simulated import OTHER, STATIC, Quiet, SimulatedRuns

MOST_MEASURED = math.log2(COMMITS) + 4
SMALL = 16


def named(result: Bisection) -> str:
    return result.commit.sha if result.commit else ""


def cannot_start(*places: int) -> Callable[[str], None]:
    """Makes the runs of these commits fail as a target that doesn't start."""

    def before(notes: str) -> None:
        if place_in(notes) in places:
            raise TargetError("no [database] here\nand more")

    return before


def place_in(notes: str) -> int:
    """Which commit these notes are of."""
    return int(notes.split(":")[0])


@pytest.mark.parametrize(
    ("seed", "find"), [(seed, "leak") for seed in range(20)] + [(seed, "fix") for seed in range(6)]
)
def test_the_right_commit_is_named_in_few_measurements(seed: int, find: Find, searches: Make) -> None:
    place = searches(seed, fix=find == "fix")
    result = place.search(SimulatedRuns(), place.question(find)).result
    assert (result.outcome, named(result)) == ("found", place.history.changed)
    assert result.measured_commits <= MOST_MEASURED
    assert result.confirmation_runs <= 3


def test_the_answer_tells_the_commit_the_sizes_and_the_holder(searches: Make) -> None:
    place = searches(commits=SMALL)
    result = place.search(SimulatedRuns()).result
    assert result.commit is not None
    assert result.commit.author == AUTHOR
    assert result.commit.author_date.isoformat().endswith("+01:00")
    assert result.commit.files == ("NOTES.md",)
    assert (result.before_bytes_per_request, result.after_bytes_per_request) == (0.0, LEAK_BYTES)
    assert [holder.path for holder in result.holders] == ["App\\Registry::$items"]
    assert result.cause == "static"
    assert result.difference is not None
    assert result.difference.threshold_bytes_per_request == LEAK_BYTES / 2


def test_a_fix_is_told_with_what_it_fixed(searches: Make) -> None:
    place = searches(commits=SMALL, fix=True)
    result = place.search(SimulatedRuns(), place.question("fix")).result
    assert (result.before_bytes_per_request, result.after_bytes_per_request) == (LEAK_BYTES, 0.0)
    assert [holder.path for holder in result.holders] == ["App\\Registry::$items"]


@pytest.mark.parametrize("find", ["leak", "fix"])
def test_git_replays_the_log_to_the_same_commit(find: Find, searches: Make, tmp_path: Path) -> None:
    place = searches(commits=SMALL, fix=find == "fix")
    answered = place.search(SimulatedRuns(), place.question(find))
    git(tmp_path, "clone", "--quiet", str(place.history.folder), "copy")
    git(tmp_path / "copy", "bisect", "replay", str(answered.folder.log))
    assert f"[{place.history.changed}]" in git(tmp_path / "copy", "bisect", "log").splitlines()[-1]
    assert answered.folder.log.read_text() == answered.result.log


def test_a_step_asks_for_one_endpoint_and_no_longer_than_screening_needs(searches: Make) -> None:
    place, runs = searches(commits=SMALL), SimulatedRuns()
    result = place.search(runs).result
    steps = [tested for tested in result.tested if tested.purpose == "step"]
    assert len(runs.stopped) == len([step for step in steps if step.by == "screening"]) > 0
    assert {len(scenario.endpoints) for scenario in runs.scenarios[2:]} == {1}
    assert {scenario.threshold_bytes for scenario in runs.scenarios[2:]} == {LEAK_BYTES / 2}
    assert {tested.by for tested in result.tested if tested.purpose == "confirmation"} == {"load"}


def test_a_dirty_checkout_and_a_bisection_of_the_users_own_are_not_touched(searches: Make) -> None:
    place = searches(commits=SMALL)
    folder = place.history.folder
    git(folder, "bisect", "start", place.history.last, place.history.first)
    (folder / "NOTES.md").write_text("not committed")
    (folder / "new.txt").write_text("not even added")
    before = (*place.history.state(), git(folder, "bisect", "log"))
    result = place.search(SimulatedRuns()).result
    assert named(result) == place.history.changed
    assert (*place.history.state(), git(folder, "bisect", "log")) == before
    assert (folder / "NOTES.md").read_text() == "not committed"
    git(folder, "checkout", "--quiet", "--force", "HEAD")
    git(folder, "bisect", "reset")
    (folder / "new.txt").unlink()


def test_hooks_of_the_repository_do_not_run(searches: Make, tmp_path: Path) -> None:
    place = searches(commits=SMALL)
    hook = place.history.folder / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
    hook.chmod(0o755)
    place.search(SimulatedRuns())
    assert not (tmp_path / "hooked").exists()


def test_what_an_app_leaves_in_the_way_is_gone_at_the_next_commit(searches: Make) -> None:
    place = searches(commits=SMALL)
    seen: list[bool] = []

    def litter(scenario_notes: str) -> None:
        folder = runs.scenarios[-1].target.cwd  # type: ignore[union-attr]
        seen.append((folder / "runtime.cache").exists())
        (folder / "runtime.cache").write_text("made at another commit")
        (folder / "NOTES.md").write_text("spoilt")

    runs = SimulatedRuns(before=litter)
    assert place.search(runs).result.outcome == "found"
    assert not any(seen)


def test_a_merge_can_be_the_guilty_one(searches: Make) -> None:
    place = searches(1, merge=True)
    result = place.search(SimulatedRuns()).result
    assert result.commit is not None
    assert (result.commit.sha, len(result.commit.parents)) == (place.history.changed, 2)
    assert result.confirmation_runs == 3


def test_a_parent_that_cannot_start_is_vouched_for_by_another_commit_with_its_changes(searches: Make) -> None:
    place = searches(2, commits=SMALL)
    parent = git(place.history.folder, "rev-parse", f"{place.history.changed}^")
    runs = SimulatedRuns(before=cannot_start(place.history.commits.index(parent)))
    result = place.search(runs).result
    assert (result.outcome, named(result)) == ("found", place.history.changed)
    assert (result.before_bytes_per_request, result.after_bytes_per_request) == (0.0, LEAK_BYTES)


def test_a_commit_that_cannot_start_beside_the_guilty_one_leaves_a_range(searches: Make) -> None:
    place = searches(3, commits=SMALL)
    changed = place.history.commits.index(place.history.changed)
    before = place.history.commits.index(git(place.history.folder, "rev-parse", f"{place.history.changed}^"))
    runs = SimulatedRuns(before=cannot_start(before))
    result = place.search(runs).result
    assert (result.outcome, result.commit) == ("not_defendable", None)
    candidates = [commit.sha for commit in result.candidates]
    assert candidates[:2] == [place.history.commits[at] for at in (changed, before)]
    assert set(candidates[2:]) <= {place.history.broken, place.history.dead}
    assert (result.before_bytes_per_request, result.after_bytes_per_request) == (0.0, LEAK_BYTES)
    assert any("any of them can be the one" in note for note in result.notes)
    assert any("was skipped: no [database] here" in note for note in result.notes)


def test_screening_that_misleads_is_noticed_and_all_is_measured_under_load(searches: Make) -> None:
    """A large cache that was there for a while looks like the leak, one request at a time."""
    place = searches(3)
    changed = place.history.commits.index(place.history.changed)

    def screened(notes: str) -> float:
        cache = changed // 2 < place_in(notes) < changed
        return LEAK_BYTES if cache or "leaks True" in notes else 0.0

    runs = SimulatedRuns(screened=screened)
    result = place.search(runs).result
    assert named(result) == place.history.changed
    assert any("measured again under load" in note for note in result.notes)
    assert {tested.by for tested in result.tested[-3:]} == {"load"}


def test_a_channel_that_contradicts_itself_names_nobody(searches: Make) -> None:
    """On the way the leak is never seen; a commit that is asked again shows it."""
    place = searches(4)
    asked = {COMMITS - 1}

    def noisy(notes: str) -> float:
        again = place_in(notes) in asked
        asked.add(place_in(notes))
        return LEAK_BYTES if again and "leaks True" in notes else 0.0

    result = place.search(SimulatedRuns(size=noisy, heap=False)).result
    assert (result.outcome, result.commit) == ("not_defendable", None)
    assert place.history.changed in [commit.sha for commit in result.candidates]
    assert any("measured again" in note for note in result.notes)


def test_ends_that_do_not_differ_are_told(searches: Make) -> None:
    place = searches(commits=SMALL)
    with pytest.raises(InputError, match=r"don't differ \(GET /static: good leak 640 B/request, bad leak 640 B"):
        place.search(SimulatedRuns(size=lambda _: LEAK_BYTES))
    with pytest.raises(InputError, match="good clean 0 B/request, bad clean 0 B/request"):
        place.search(SimulatedRuns(size=lambda _: 0.0))


def test_an_end_that_cannot_be_measured_is_told(searches: Make) -> None:
    place = searches(commits=SMALL)
    with pytest.raises(MeasureError, match=r"the bad revision \w{12} can't be measured: no \[database\] here"):
        place.search(SimulatedRuns(before=cannot_start(SMALL - 1)))


def test_a_good_revision_that_leaks_less_is_good_enough(searches: Make) -> None:
    place = searches(commits=SMALL)
    result = place.search(SimulatedRuns(size=lambda notes: 840.0 if "leaks True" in notes else 200.0)).result
    assert named(result) == place.history.changed
    assert result.difference is not None
    assert result.difference.threshold_bytes_per_request == 520


def test_a_commit_that_explains_only_a_part_is_told_so(searches: Make) -> None:
    place = searches(commits=SMALL)

    def sizes(notes: str) -> float:
        return 1000.0 if place_in(notes) == SMALL - 1 else 640.0 if "leaks True" in notes else 0.0

    result = place.search(SimulatedRuns(size=sizes)).result
    assert named(result) == place.history.changed
    assert any("makes up 64% of the difference" in note for note in result.notes)


@pytest.mark.parametrize("runs_before", [0, 1, 3, 6])
def test_a_search_that_was_stopped_goes_on_where_it_was(runs_before: int, searches: Make) -> None:
    place, runs = searches(5), SimulatedRuns()
    with pytest.raises(Interrupted) as stopped:
        place.search(runs, onlooker=Quiet(stop_after=runs_before))
    assert "--resume" in stopped.value.hint
    first = len(runs.asked)
    result = place.search(runs, resume=True).result
    assert named(result) == place.history.changed
    again = len(runs.asked) - first
    whole = len(result.tested)
    assert again == whole - runs_before
    assert len(list((place.results / "bisections").iterdir())) == 1


def test_a_finished_search_or_one_for_something_else_is_not_gone_on_with(searches: Make) -> None:
    place, runs = searches(commits=SMALL), SimulatedRuns()
    whole = len(place.search(runs).result.tested)
    onlooker = Quiet()
    place.search(runs, onlooker=onlooker, resume=True)
    assert len(runs.asked) == 2 * whole
    assert any("starting anew" in said for said in onlooker.said)
    with pytest.raises(Interrupted):
        place.search(runs, onlooker=Quiet(stop_after=3))
    changed = place.question(scenario=place.scenario(threshold="32B"))
    onlooker = Quiet()
    place.search(runs, changed, onlooker, resume=True)
    assert any("starting anew" in said for said in onlooker.said)


def test_the_worktree_of_a_killed_search_is_removed_by_the_next(searches: Make) -> None:
    place = searches(commits=SMALL)
    repository = open_repository(place.history.folder)
    with own_tree(repository, place.history.last) as alive:
        dead = alive.folder.parent.with_name("hyperleak-bisect-dead") / "source"
        us = this_process()
        owner = Owner(us.pid, us.start_ticks + 1, us.host)
        repository.add_tree(dead, place.history.first, f"hyperleak bisect {owner}")
        place.search(SimulatedRuns())
        assert not dead.exists()
        assert set(repository.marked_trees()) == {alive.folder}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"good": "nonsense"}, "has no revision 'nonsense'"),
        ({"good": "--help"}, "has no revision '--help'"),
        ({"good": "main"}, "both revisions are the commit"),
        ({"endpoint": "GET /nowhere"}, "has no endpoint 'GET /nowhere'"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(values: dict[str, str], said: str, searches: Make) -> None:
    place, runs = searches(commits=SMALL), SimulatedRuns()
    with pytest.raises(InputError, match=said):
        place.search(runs, place.question(**{"bad": "main", **values}))  # type: ignore[arg-type]
    assert runs.asked == []


def test_exchanged_revisions_are_refused_with_the_way_out(searches: Make) -> None:
    place = searches(commits=SMALL)
    with pytest.raises(InputError) as refused:
        place.search(SimulatedRuns(), place.question(good=place.history.last, bad=place.history.first))
    assert "is an ancestor of" in refused.value.message
    assert "--find fix" in refused.value.hint


def test_a_good_revision_on_another_branch_is_compared_by_what_they_have_in_common(searches: Make) -> None:
    place = searches(commits=SMALL)
    folder = place.history.folder
    tree = git(folder, "rev-parse", f"{place.history.first}^{{tree}}")
    person = ("-c", "user.name=N", "-c", "user.email=n@example.org")
    other = git(folder, *person, "commit-tree", tree, "-p", place.history.first, "-m", "Another branch")
    result = place.search(SimulatedRuns(), place.question(good=other)).result
    assert named(result) == place.history.changed


def test_a_target_outside_of_the_repository_is_refused(searches: Make, tmp_path: Path) -> None:
    place = searches(commits=SMALL)
    scenario = place.scenario(target={"command": ["./app"], "cwd": str(tmp_path)})
    with pytest.raises(InputError, match="takes nothing from"):
        place.search(SimulatedRuns(), place.question(scenario=scenario))


def test_a_scenario_can_name_the_source_itself(searches: Make) -> None:
    place = searches(commits=SMALL)
    scenario = place.scenario(target={"command": ["./app"], "cwd": "${HYPERLEAK_SOURCE}"})
    assert place.search(SimulatedRuns(), place.question(scenario=scenario)).result.outcome == "found"


def test_one_endpoint_alone_can_be_asked_for(searches: Make) -> None:
    place, runs = searches(commits=SMALL), SimulatedRuns()
    result = place.search(runs, place.question(endpoint=STATIC)).result
    assert result.difference is not None
    assert result.difference.endpoint == STATIC
    assert {each.name for scenario in runs.scenarios for each in scenario.endpoints} == {STATIC}
    with pytest.raises(InputError, match="GET /other: good clean 0 B/request, bad clean 0 B/request"):
        place.search(runs, place.question(endpoint=OTHER))


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path, searches: Make) -> None:
    place = searches(commits=SMALL)
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError):
            place.search(SimulatedRuns(), Question(folder, place.scenario(), "HEAD~1", "HEAD"))


def test_a_repository_of_another_call_to_git_is_not_mistaken_for_the_one(
    searches: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As inside of a hook, or of `git bisect run`."""
    place, other = searches(commits=SMALL), make_history(tmp_path / "other", 1, commits=SMALL)
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))
    assert place.search(SimulatedRuns()).result.outcome == "found"
    assert len(git(other.folder, "worktree", "list").splitlines()) == 1
