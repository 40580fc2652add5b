"""Searches in real repositories whose measurements are simulated: what the worktree holds is what is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from harness.bisection.perform import Answered, Question, bisect
from harness.errors import TargetError
from harness.history import new_run
from harness.model.bisection import Find
from harness.model.scenario import Scenario
from harness.model.target import CommandSpec
from harness.model.verdict import EndpointVerdict, Holder, Screened
from harness.run import RunResult, Watcher
from tests.leaky_history import LEAK_BYTES, History
from tests.unit.verdicts import endpoint, verdict_of

STATIC, OTHER = "GET /static", "GET /other"
Sizes = Callable[[str], float]


@dataclass
class SimulatedRuns:
    """In the place of real runs: they read the notes in the target's folder.

    `size(notes)` are the bytes that a request keeps; `screened(notes)` what one request at a time seems to keep, where
    that is something else. `asked` has the first line of the notes of every run, `stopped` those that ended early.
    """

    size: Sizes = lambda notes: LEAK_BYTES if "leaks True" in notes else 0.0
    screened: Sizes | None = None
    heap: bool = True
    before: Callable[[str], None] = lambda _notes: None
    asked: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    scenarios: list[Scenario] = field(default_factory=list)

    def __call__(self, scenario: Scenario, results: Path, watcher: Watcher) -> RunResult:
        assert isinstance(scenario.target, CommandSpec)
        notes = (scenario.target.cwd / "NOTES.md").read_text()
        self.asked.append(notes.strip())
        self.scenarios.append(scenario)
        self.before(notes)
        if "cannot start" in notes:
            raise TargetError("the command ended at once:\nno [database] here", hint="look at it")
        folder = new_run(results, scenario.name, scenario.source)
        names = [each.name for each in scenario.endpoints]
        size = self.size(notes)
        seen = self.screened(notes) if self.screened else size
        if self.heap:
            look = verdict_of(*(self._judged(name, seen, scenario) for name in names))
            watcher.look(look.model_copy(update={"environment": {"schedule": {"kind": "screen"}}}))
        if watcher.stop_asked():
            self.stopped.append(notes.strip())
            return RunResult(folder, scenario, verdict_of(*(endpoint(n, "inconclusive") for n in names)))
        found = verdict_of(*(self._judged(name, size, scenario, seen) for name in names))
        return RunResult(folder, scenario, found)

    def _judged(self, name: str, size: float, scenario: Scenario, seen: float | None = None) -> EndpointVerdict:
        kept = size if name == STATIC else 0.0
        leaks = kept > scenario.threshold_bytes
        screening = self.heap and seen is not None
        shown = Screened(
            verdict="leak" if (seen or 0.0) > scenario.threshold_bytes and name == STATIC else "clean",
            typical_bytes_per_request=(seen or 0.0) if name == STATIC else 0.0,
            requests=35,
        )
        holder = Holder(
            path="App\\Registry::$items", file="/app/a.php", line=7, bytes_per_request=kept, elements_per_request=1
        )
        return endpoint(
            name,
            "leak" if leaks else "clean",
            bytes_per_request=kept,
            ci95=(kept - 5, kept + 5),
            upper_limit_bytes_per_request=kept + 8,
            screened=shown if screening else None,
            channel="php_heap" if self.heap else "anon",
            holders=(holder,) if leaks else (),
            cause="static" if leaks else "unknown",
        )


@dataclass
class Quiet:
    """Looks on without a word; wants it to end after `stop_after` runs."""

    stop_after: int = 10**9
    said: list[str] = field(default_factory=list)
    runs: int = 0

    def say(self, text: str) -> None:
        self.said.append(text)

    def stop_asked(self) -> bool:
        return self.runs > self.stop_after

    @contextmanager
    def watching(self, scenario: Scenario) -> Iterator[Watcher]:
        self.runs += 1
        yield Watcher(
            phase=lambda _: None,
            sample=lambda _: None,
            look=lambda _: None,
            stop_asked=self.stop_asked,
            measured=lambda: None,
        )


@dataclass
class Searches:
    """Searches in one repository, from its first to its last commit unless told otherwise."""

    history: History
    place: Path

    @property
    def results(self) -> Path:
        return self.place / "results"

    def scenario(self, **more: object) -> Path:
        document = {
            "name": "shop",
            "target": {"command": ["./app"], "cwd": str(self.history.folder)},
            "endpoints": [STATIC, OTHER],
            **more,
        }
        file = self.place / "shop.yaml"
        file.write_text(yaml.safe_dump(document))
        return file

    def question(self, find: Find = "leak", **more: object) -> Question:
        first, last = self.history.first, self.history.last
        good, bad = (first, last) if find == "leak" else (last, first)
        values = {"good": good, "bad": bad, "scenario": more.pop("scenario", None) or self.scenario(), **more}
        return Question(repository=self.history.folder, find=find, **values)  # type: ignore[arg-type]

    def search(
        self,
        runs: SimulatedRuns,
        question: Question | None = None,
        onlooker: Quiet | None = None,
        *,
        resume: bool = False,
    ) -> Answered:
        return bisect(question or self.question(), self.results, onlooker or Quiet(), resume=resume, run=runs)
