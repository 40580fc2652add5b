"""One commit measured: checked out, built and started, and asked no longer than it takes to tell."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from harness.bisection.judge import decided, finding_of, is_screening, kept, unexpected
from harness.bisection.source import missing
from harness.errors import InputError, Interrupted, SampleError, TargetError
from harness.model.bisection import Difference, Purpose, Tested
from harness.model.samples import Sample
from harness.model.scenario import Scenario
from harness.model.verdict import EndpointVerdict, Verdict
from harness.repository import BisectTree
from harness.run import RunResult, Watcher
from harness.sample.recording import read_screening

# Enough for ends and confirming runs of one endpoint whose heap is read; a run that stays open is made again.
LONGEST_LOAD_S = 20.0
# One endpoint alone is screened until it is judged, which takes a second where the machine isn't busy.
SCREENING_REQUESTS = 60
SCREENING_S = 15.0

Run = Callable[[Scenario, Path, Watcher], RunResult]


class Onlooker(Protocol):
    """Who looks on: is told what happens, and gives each run its watcher. `stop_asked`: the user wants it to end."""

    def say(self, text: str) -> None: ...

    def stop_asked(self) -> bool: ...

    def watching(self, scenario: Scenario) -> AbstractContextManager[Watcher]: ...


class Measure(Protocol):
    """Answers for a commit; `aim` None: an end, all its endpoints are measured. Raises MeasureError, Interrupted."""

    def __call__(self, commit: str, purpose: Purpose, aim: Difference | None) -> Tested: ...


@dataclass
class _Observed:
    """What a run's watcher saw: the interim verdict that ended it, and the seconds of load."""

    aim: Difference | None
    ended_by: EndpointVerdict | None = None
    by_screening: bool = False
    load_s: float = 0.0

    def look(self, verdict: Verdict) -> None:
        if self.aim and self.ended_by is None and (found := decided(verdict, self.aim)):
            self.ended_by, self.by_screening = found, is_screening(verdict)

    def sample(self, sample: Sample) -> None:
        self.load_s += sample.window.load_s if sample.window else 0.0


@dataclass(frozen=True)
class Measurer:
    """Measures commits by runs of a scenario whose target lies in `tree`. `ready` is called before a target starts."""

    scenario: Scenario
    tree: BisectTree
    results: Path
    run: Run
    onlooker: Onlooker
    ready: Callable[[Scenario], None]

    def __call__(self, commit: str, purpose: Purpose, aim: Difference | None) -> Tested:
        began_s = time.monotonic()
        self.tree.check_out(commit)
        try:
            found = self._longer(commit, purpose, aim)
        except (TargetError, SampleError, InputError) as error:
            found = Tested(commit=commit, purpose=purpose, finding="skipped", reason=error.message)
        return found.model_copy(update={"duration_s": round(time.monotonic() - began_s, 2)})

    def _longer(self, commit: str, purpose: Purpose, aim: Difference | None) -> Tested:
        """What stays open within a short budget is given the scenario's own."""
        scenario = self._scenario(aim)
        short = min(scenario.load.budget_s, LONGEST_LOAD_S)
        if (
            purpose == "step"
            or short == scenario.load.budget_s
            or not (scenario.sampling.heap and self._is_alone(scenario))
        ):
            return self._once(scenario, commit, purpose, aim)
        plan = scenario.load.model_copy(update={"budget_s": short})
        found = self._once(scenario.model_copy(update={"load": plan}), commit, purpose, aim)
        open_ends = any(each.verdict == "inconclusive" for each in found.endpoints)
        return self._once(scenario, commit, purpose, aim) if open_ends else found

    def _is_alone(self, scenario: Scenario) -> bool:
        return len(scenario.endpoints) == 1

    def _scenario(self, aim: Difference | None) -> Scenario:
        """With the endpoint of interest alone and the line between the ends as its threshold, once they are known."""
        plan = self.scenario.screening
        longer = {"requests": max(plan.requests, SCREENING_REQUESTS), "budget_s": max(plan.budget_s, SCREENING_S)}
        changes: dict[str, object] = {"expect": {}, "screening": plan.model_copy(update=longer)}
        if aim is not None:
            alone = tuple(each for each in self.scenario.endpoints if each.name == aim.endpoint)
            changes |= {"endpoints": alone, "threshold_bytes": aim.threshold_bytes_per_request}
        return self.scenario.model_copy(update=changes)

    def _once(self, scenario: Scenario, commit: str, purpose: Purpose, aim: Difference | None) -> Tested:
        self._check_stopped()
        if absent := missing(scenario.target):
            raise InputError(f"{absent.relative_to(self.tree.folder)} isn't there at this commit")
        self.ready(scenario)
        watched = _Observed(aim if purpose == "step" else None)
        label = scenario.model_copy(update={"name": f"{scenario.name} at {commit[:12]}"})
        with self.onlooker.watching(label) as watcher:
            result = self.run(scenario, self.results, _watching(watcher, watched))
        self._check_stopped()
        return _tested(commit, purpose, aim, result, watched)

    def _check_stopped(self) -> None:
        """What was measured until it was stopped doesn't count."""
        if self.onlooker.stop_asked():
            raise Interrupted("stopped while a commit was measured")


def _watching(watcher: Watcher, watched: _Observed) -> Watcher:
    """The user's watcher, which also ends the run once the commit is decided."""

    def sample(taken: Sample) -> None:
        watched.sample(taken)
        watcher.sample(taken)

    def look(verdict: Verdict) -> None:
        watched.look(verdict)
        watcher.look(verdict)

    def stop_asked() -> bool:
        return watcher.stop_asked() or watched.ended_by is not None

    return replace(watcher, sample=sample, look=look, stop_asked=stop_asked)


def _tested(commit: str, purpose: Purpose, aim: Difference | None, result: RunResult, watched: _Observed) -> Tested:
    """The answer of one run. A target that died of another cause than its memory limit can't be judged."""
    judged = Tested(
        commit=commit,
        purpose=purpose,
        finding="skipped",
        load_s=round(watched.load_s, 2),
        run=str(result.folder.path),
        endpoints=() if purpose == "step" else result.verdict.endpoints,
    )
    if result.ended and not result.ended.oom_kills:
        return judged.model_copy(update={"reason": f"the target died: {result.ended.detail or 'for an unknown cause'}"})
    name = aim.endpoint if aim else ""
    found = watched.ended_by or next((each for each in result.verdict.endpoints if each.name == name), None)
    if broken := _broken(result, found):
        return judged.model_copy(update={"reason": broken})
    if found is None:
        leaks = any(each.verdict == "leak" for each in result.verdict.endpoints)
        return judged.model_copy(update={"finding": "leaks" if leaks else "clean", "by": "load"})
    finding, reason = finding_of(found)
    return judged.model_copy(
        update={
            "finding": finding,
            "reason": reason,
            "by": "" if finding == "skipped" else "screening" if watched.by_screening else "load",
            "bytes_per_request": kept(found),
            "requests": found.requests,
        }
    )


def _broken(result: RunResult, found: EndpointVerdict | None) -> str:
    """Why the endpoint can't be judged by its answers."""
    if found is None:
        return ""
    wrong = Counter(found.failures) or _screened_failures(result, found.name)
    return unexpected(found.name, wrong, found.requests)


def _screened_failures(result: RunResult, name: str) -> Counter[str]:
    """Unexpected answers of the screening, which its verdicts don't count."""
    if not result.folder.screening.exists():
        return Counter()
    recording = read_screening(result.folder.screening)
    endpoint = next(each for each in result.scenario.endpoints if each.name == name)
    place = recording.header.endpoints.index(name)
    asked = [request.status for request in recording.requests if request.endpoint == place]
    wrong = [status for status in asked if status is None or not endpoint.accepts(status)]
    return Counter("no answer" if status is None else str(status) for status in wrong)
