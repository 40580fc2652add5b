"""The search itself: both ends, `git bisect` between them, and fresh runs that confirm what it ends at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.bisection.judge import Undecided, difference
from harness.bisection.measure import Measure, Onlooker
from harness.bisection.state import SearchFolder
from harness.errors import MeasureError
from harness.model.bisection import Difference, Find, Finding, Progress, Purpose, Tested
from harness.repository import BisectTree, Repository, Side

# Git's words, so that its log reads as one made by hand.
TERMS: Final[dict[Find, dict[Side, str]]] = {
    "leak": {"old": "good", "new": "bad", "skip": "skip"},
    "fix": {"old": "leaking", "new": "fixed", "skip": "skip"},
}
_SIDES: Final[dict[Find, dict[Finding, Side]]] = {
    "leak": {"clean": "old", "leaks": "new", "skipped": "skip"},
    "fix": {"leaks": "old", "clean": "new", "skipped": "skip"},
}
# Commits on the old side that are measured again; more than two parents are rare.
_MOST_CONFIRMED = 4


@dataclass(frozen=True)
class Left:
    """What git was left with: commits that may be the one, the newest first, and those that they come from.

    `olds` are the commits on the old side that were measured, from which git knows it of the `boundary`.
    """

    candidates: tuple[str, ...]
    boundary: tuple[str, ...]
    olds: tuple[str, ...]
    log: str

    @property
    def newest(self) -> str:
        return self.candidates[0]


@dataclass(frozen=True)
class Confirmed:
    """Fresh runs on both sides: `new` of the newest candidate, `olds` of what the candidates come from."""

    new: Tested
    olds: tuple[Tested, ...]
    holds: bool


@dataclass
class Seeker:
    """Looks for one commit; every measurement is kept before the next begins, and none that is kept is made again."""

    repository: Repository
    tree: BisectTree
    folder: SearchFolder
    progress: Progress
    measure: Measure
    onlooker: Onlooker
    threshold_bytes: float
    notes: list[str] = field(default_factory=list)

    def ends(self) -> Difference | Undecided:
        """Measures both ends. Raises InputError where they don't differ, MeasureError where one can't be measured."""
        search = self.progress.search
        bad = self._measured(search.bad, "end", None)
        good = self._measured(search.good, "end", None)
        aim = difference(good.endpoints, bad.endpoints, self.threshold_bytes)
        if isinstance(aim, Difference):
            clean, leaking = aim.clean_bytes_per_request, aim.leaking_bytes_per_request
            self.onlooker.say(
                f"{aim.endpoint}: {clean:.0f} B/request at the good revision, {leaking:.0f} at the bad one"
            )
        return aim

    def seek(self, aim: Difference) -> tuple[Left, Confirmed]:
        """Where screening misled the search, it is made once more by load alone. Raises MeasureError, InputError."""
        left = self._bisect(aim)
        confirmed = self._confirm(left, aim)
        if confirmed.holds or not self._rests_on_screening():
            return left, confirmed
        self.notes.append("one request at a time had told commits wrongly: they were measured again under load")
        by_load = aim.model_copy(update={"screening_tells": False})
        left = self._bisect(by_load)
        return left, self._confirm(left, by_load)

    def sure_range(self) -> list[str]:
        """Commits between those that two measurements agree on: the ends, and what was confirmed."""
        answers = {tested.commit: self._sides_of(tested.commit) for tested in self.progress.tested}
        twice = {tested.commit for tested in self.progress.tested if tested.purpose == "confirmation"}
        search = self.progress.search
        news = [search.newer, *(sha for sha in twice if answers[sha] == {"new"})]
        olds = [search.older, *(sha for sha in twice if answers[sha] == {"old"})]
        ranges = [self.repository.range(new, olds)[0] for new in news]
        return min(filter(None, ranges), key=len, default=self.repository.range(search.newer, [search.older])[0])

    def side(self, tested: Tested) -> Side:
        return _SIDES[self.progress.search.find][tested.finding]

    def _bisect(self, aim: Difference) -> Left:
        search, terms = self.progress.search, TERMS[self.progress.search.find]
        self.tree.start(terms, search.newer, search.older)
        asked: set[str] = set()
        while not self.tree.ended():
            commit = self.tree.next()
            if commit in asked:
                raise MeasureError(f"git asks for the commit {commit} twice", hint=f"see {self.folder.path}")
            asked.add(commit)
            self.tree.mark(terms[self.side(self._measured(commit, "step", aim))], commit)
        newest, olds = self.tree.bounds(terms)
        candidates, boundary = self.repository.range(newest, olds)
        return Left(tuple(candidates), tuple(boundary), tuple(olds), self.tree.log())

    def _confirm(self, left: Left, aim: Difference) -> Confirmed:
        self.onlooker.say(f"confirming {left.newest[:12]} and what it comes from")
        new = self._measured(left.newest, "confirmation", aim)
        chosen = sorted(left.boundary, key=lambda sha: sha not in left.olds)[:_MOST_CONFIRMED]
        olds = tuple(self._confirm_old(sha, left, aim) for sha in chosen)
        holds = bool(olds) and self.side(new) == "new" and all(self.side(old) == "old" for old in olds)
        return Confirmed(new, olds, holds)

    def _confirm_old(self, commit: str, left: Left, aim: Difference) -> Tested:
        """The commit itself, or where it can't be measured one that has its changes and is old nevertheless."""
        found = self._measured(commit, "confirmation", aim)
        if found.finding != "skipped" or commit in left.olds:
            return found
        heir = next((old for old in left.olds if self.repository.is_ancestor(commit, old)), None)
        return self._measured(heir, "confirmation", aim) if heir else found

    def _measured(self, commit: str, purpose: Purpose, aim: Difference | None) -> Tested:
        """The answer that is kept for this, or a new one, which is kept."""
        found = self._kept(commit, purpose, aim) or self._measure(commit, purpose, aim)
        if purpose == "end" and found.finding == "skipped":
            which = "good" if commit == self.progress.search.good else "bad"
            raise MeasureError(
                f"the {which} revision {commit[:12]} can't be measured: {found.reason}",
                hint="give another revision, or see that `hyperleak run` works on a checkout of this one",
            )
        return found

    def _measure(self, commit: str, purpose: Purpose, aim: Difference | None) -> Tested:
        self.onlooker.say(f"{commit[:12]}: measuring{_WHY[purpose]}")
        found = self.measure(commit, purpose, aim)
        if not (purpose == "end" and found.finding == "skipped"):
            self.progress = self.progress.model_copy(update={"tested": (*self.progress.tested, found)})
            self.folder.keep(self.progress)
        self.onlooker.say(f"{commit[:12]}: {_told(found)}")
        return found

    def _kept(self, commit: str, purpose: Purpose, aim: Difference | None) -> Tested | None:
        """The last answer that serves the purpose; a confirming run is as good as a step, but not the other way."""
        fits: tuple[Purpose, ...] = ("step", "confirmation") if purpose == "step" else (purpose,)
        screened = aim is not None and not aim.screening_tells
        return next(
            (
                tested
                for tested in reversed(self.progress.tested)
                if tested.commit == commit
                and tested.purpose in fits
                and not (screened and tested.purpose == "step" and tested.by == "screening")
            ),
            None,
        )

    def _rests_on_screening(self) -> bool:
        return any(tested.by == "screening" for tested in self.progress.tested)

    def _sides_of(self, commit: str) -> set[Side]:
        return {self.side(tested) for tested in self.progress.tested if tested.commit == commit}


_WHY: Final[dict[Purpose, str]] = {"end": " an end", "step": "", "confirmation": " once more"}


def _told(tested: Tested) -> str:
    if tested.finding == "skipped":
        return f"skipped, {tested.reason.splitlines()[0] if tested.reason else 'it can not be told'}"
    size = "" if tested.bytes_per_request is None else f", {tested.bytes_per_request:.0f} B/request"
    return f"{tested.finding}{size} ({tested.duration_s:.1f} s)"


def measured_commits(tested: Iterable[Tested]) -> int:
    """Commits that were measured at the ends and on the way between them."""
    return len({each.commit for each in tested if each.purpose != "confirmation" and each.finding != "skipped"})


def skipped(tested: Sequence[Tested]) -> dict[str, str]:
    """Commits that no measurement could tell, and why."""
    told = {each.commit for each in tested if each.finding != "skipped"}
    return {each.commit: each.reason for each in tested if each.commit not in told}
