"""A whole search, from the revisions that a person names to the commit, and nothing left behind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.bisection.cache import BuildCache
from harness.bisection.judge import Undecided
from harness.bisection.measure import Measurer, Onlooker, Run
from harness.bisection.search import Confirmed, Left, Seeker, measured_commits, skipped
from harness.bisection.source import SOURCE_VARIABLE, at_source
from harness.bisection.state import SearchFolder, digest_of, new_folder, unfinished
from harness.bisection.tree import own_tree
from harness.errors import HyperleakError, InputError, Interrupted, MeasureError
from harness.model.bisection import Bisection, Difference, Find, Progress, Search, Tested
from harness.model.scenario import Scenario
from harness.model.verdict import EndpointVerdict, Holder
from harness.repository import BisectTree, Repository, open_repository
from harness.run import run_scenario
from harness.scenario import load_scenario
from harness.target import collect_garbage

# A commit that makes up less of the difference between the ends has others beside it.
_WHOLE_SHARE = 0.7


@dataclass(frozen=True)
class Question:
    """What a person asks for; `overrides` are fields of the scenario."""

    repository: Path
    scenario: Path
    good: str
    bad: str
    find: Find = "leak"
    endpoint: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    result: Bisection
    folder: SearchFolder


def bisect(
    question: Question, results: Path, onlooker: Onlooker, *, resume: bool = False, run: Run = run_scenario
) -> Answered:
    """Finds the commit. Raises InputError, MeasureError, Interrupted; what was measured until then is kept."""
    repository = open_repository(question.repository)
    good, bad = repository.commit_of(question.good), repository.commit_of(question.bad)
    repository.check_order(*((good, bad) if question.find == "leak" else (bad, good)))
    with own_tree(repository, bad) as tree:
        scenario = _scenario(question, repository, tree)
        search = Search(
            find=question.find,
            repository=str(repository.root),
            scenario=str(question.scenario.absolute()),
            scenario_digest=digest_of(scenario, tree.folder),
            good=good,
            bad=bad,
            endpoint=question.endpoint,
        )
        folder, progress = _begin(search, scenario, results, onlooker, resume=resume)
        with BuildCache(folder.path.name) as cache:
            measurer = Measurer(scenario, tree, folder.runs, run, onlooker, cache)
            seeker = Seeker(repository, tree, folder, progress, measurer, onlooker, scenario.threshold_bytes)
            return Answered(_answer(seeker), folder)


def _scenario(question: Question, repository: Repository, tree: BisectTree) -> Scenario:
    environment = os.environ | {SOURCE_VARIABLE: str(tree.folder)}
    read = load_scenario(question.scenario, environment).model_copy(update=dict(question.overrides))
    chosen = tuple(each for each in read.endpoints if each.name == (question.endpoint or each.name))
    if not chosen:
        raise InputError(
            f"{question.scenario} has no endpoint {question.endpoint!r}",
            hint=f"its endpoints are {', '.join(each.name for each in read.endpoints[:10])}",
        )
    return at_source(read.model_copy(update={"endpoints": chosen}), repository.root, tree.folder)


def _begin(
    search: Search, scenario: Scenario, results: Path, onlooker: Onlooker, *, resume: bool
) -> tuple[SearchFolder, Progress]:
    if resume and (found := unfinished(results, search)):
        onlooker.say(f"going on in {found[0].path}, where {len(found[1].tested)} measurements are kept")
        collect_garbage(run_ids=found[0].run_ids())
        return found
    if resume:
        onlooker.say("there is nothing unfinished for these revisions and this scenario: starting anew")
    folder = new_folder(results, scenario.name, Path(search.scenario))
    progress = Progress(search=search)
    folder.keep(progress)
    return folder, progress


def _answer(seeker: Seeker) -> Bisection:
    try:
        result = _sought(seeker)
    except (Interrupted, MeasureError) as error:
        raise _with_resume(error, seeker) from error
    seeker.folder.keep_result(result)
    seeker.folder.keep(seeker.progress.model_copy(update={"finished": True}))
    return result


def _with_resume(error: HyperleakError, seeker: Seeker) -> HyperleakError:
    kept = f"{len(seeker.progress.tested)} measurements are kept: the same command with --resume goes on"
    return type(error)(error.message, hint="; ".join(part for part in (error.hint, kept) if part))


def _sought(seeker: Seeker) -> Bisection:
    aim = seeker.ends()
    if isinstance(aim, Undecided):
        return _result(seeker, notes=(aim.reason,))
    left, confirmed = seeker.seek(aim)
    notes = [*seeker.notes, *_notes(seeker, left, confirmed, aim)]
    one = confirmed.holds and len(left.candidates) == 1
    candidates = left.candidates if confirmed.holds else seeker.sure_range()
    return _result(
        seeker,
        outcome="found" if one else "not_defendable",
        difference=aim,
        commit=seeker.repository.commit(left.newest) if one else None,
        candidates=() if one else seeker.repository.commits(candidates),
        log=left.log,
        notes=tuple(notes),
        **_sizes(seeker, confirmed, aim),
    )


def _result(seeker: Seeker, **found: Any) -> Bisection:
    tested = seeker.progress.tested
    return Bisection(
        **{"outcome": "not_defendable", **found},
        search=seeker.progress.search,
        measured_commits=measured_commits(tested),
        skipped_commits=len(skipped(tested)),
        confirmation_runs=sum(1 for each in tested if each.purpose == "confirmation"),
        tested=tested,
    )


def _sizes(seeker: Seeker, confirmed: Confirmed, aim: Difference) -> dict[str, Any]:
    """What the endpoint keeps on either side, and what holds it on the leaking one; all by the confirming runs."""
    old = next((each for each in confirmed.olds if seeker.side(each) == "old"), None)
    if not confirmed.holds or old is None:
        return {}
    guilty = _endpoint(confirmed.new if confirmed.new.finding == "leaks" else old, aim)
    return {
        "before_bytes_per_request": old.bytes_per_request,
        "after_bytes_per_request": confirmed.new.bytes_per_request,
        "holders": _in_repository(guilty.holders, seeker.tree.folder) if guilty else (),
        "cause": guilty.cause if guilty else "unknown",
    }


def _in_repository(holders: tuple[Holder, ...], tree: Path) -> tuple[Holder, ...]:
    """Files of the worktree by their paths in the repository; a container's own paths stay."""
    return tuple(
        holder.model_copy(update={"file": holder.file.removeprefix(f"{tree}/") if holder.file else None})
        for holder in holders
    )


def _endpoint(tested: Tested, aim: Difference) -> EndpointVerdict | None:
    return next((each for each in tested.endpoints if each.name == aim.endpoint), None)


def _notes(seeker: Seeker, left: Left, confirmed: Confirmed, aim: Difference) -> list[str]:
    """Why no single commit is named, and what else there is to know of the one that is."""
    notes = []
    if not confirmed.holds:
        notes.append(_contradiction(confirmed))
    elif len(left.candidates) > 1:
        notes.append("the commits between could not be told, so any of them can be the one")
    elif (share := _share(seeker, confirmed, aim)) < _WHOLE_SHARE:
        notes.append(f"this commit makes up {share:.0%} of the difference between the two revisions: others add to it")
    reasons = skipped(seeker.progress.tested)
    notes += [f"{sha[:12]} was skipped: {reason.splitlines()[0]}" for sha, reason in reasons.items() if reason]
    return notes


def _contradiction(confirmed: Confirmed) -> str:
    """Every answer of the search was given once more; not all were the same."""
    said = ", ".join(f"{each.commit[:12]} {each.finding}" for each in (confirmed.new, *confirmed.olds))
    return f"the search ended at {confirmed.new.commit[:12]}, which didn't stand when it was measured again: {said}"


def _share(seeker: Seeker, confirmed: Confirmed, aim: Difference) -> float:
    sizes = _sizes(seeker, confirmed, aim)
    before, after = sizes.get("before_bytes_per_request"), sizes.get("after_bytes_per_request")
    whole = aim.leaking_bytes_per_request - aim.clean_bytes_per_request
    return abs((after or 0.0) - (before or 0.0)) / whole if whole > 0 else 1.0
