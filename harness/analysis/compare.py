"""Whether an endpoint keeps more than it did: the difference of two sets of runs, with limits.

Compared is the steady growth, without the rare jumps of a growing array's doublings, and beside it the mean with them,
which alone shows a leak that comes in rare large pieces. A change has to be significant, by Holm's correction over the
endpoints, and large enough.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.analysis.growth import Estimate, combine, difference, mean_of, steady_of
from harness.model.comparison import (
    STOPPED,
    ComparisonOutcome,
    EndpointChange,
    EndpointComparison,
    SideFigure,
)
from harness.model.verdict import EndpointOutcome, EndpointVerdict

# The share of what an endpoint kept before that a growth may have and still be "the same", where it is the larger.
SAME_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Bar:
    """`threshold_bytes` a request is the smallest change that is called one; `confidence` of the whole comparison."""

    threshold_bytes: float = 32.0
    confidence: float = 0.99

    @property
    def one_sided(self) -> float:
        return (1.0 - self.confidence) / 2.0


@dataclass(frozen=True, slots=True)
class Pair:
    """An endpoint on both sides, each with all its runs; a side that doesn't have it is empty."""

    name: str
    baseline: tuple[EndpointVerdict, ...]
    candidate: tuple[EndpointVerdict, ...]
    was: str | None = None
    renamed_by: str = ""


@dataclass(frozen=True, slots=True)
class _Side:
    figure: SideFigure
    steady: Estimate | None
    mean: Estimate | None

    @property
    def stopped(self) -> bool:
        return self.figure.verdict in STOPPED

    @property
    def leaks(self) -> bool:
        return self.figure.verdict == "leak"


@dataclass(frozen=True, slots=True)
class _Change:
    """The two differences between the sides of a pair; p-values are those of both tests together (Bonferroni)."""

    steady: Estimate
    mean: Estimate

    def p_value(self, sign: float) -> float:
        return min(1.0, 2.0 * min(self.steady.p_above(sign), self.mean.p_above(sign)))

    def largest(self, sign: float) -> float:
        """Of the two, the one that is more surely in this direction."""
        return min((self.steady, self.mean), key=lambda found: found.p_above(sign)).mean * sign


def compare(pairs: Sequence[Pair], bar: Bar) -> tuple[EndpointComparison, ...]:
    """Every endpoint's answer, in the order given."""
    sides = [(_side(pair.baseline), _side(pair.candidate)) for pair in pairs]
    changes = [_change(before, after) for before, after in sides]
    grown, shrunk = (
        _significant([None if c is None else c.p_value(sign) for c in changes], bar.one_sided) for sign in (1.0, -1.0)
    )
    return tuple(
        _answer(pair, before, after, found, up, down, bar)
        for pair, (before, after), found, up, down in zip(pairs, sides, changes, grown, shrunk, strict=True)
    )


def outcome_of(endpoints: Sequence[EndpointComparison]) -> ComparisonOutcome:
    """The answer of all endpoints together; those whose leak is known don't count, nor those that are new or gone."""
    found = {e.outcome for e in endpoints if e.known is None}
    worst_first: tuple[ComparisonOutcome, ...] = ("regression", "inconclusive", "not_comparable", "improvement")
    return next((outcome for outcome in worst_first if outcome in found), "same")


def _side(runs: Sequence[EndpointVerdict]) -> _Side | None:
    if not runs:
        return None
    channel = Counter(run.channel for run in runs).most_common(1)[0][0]
    counted = Counter(run.verdict for run in runs)
    verdict: EndpointOutcome = max(counted, key=lambda v: (counted[v], v == "leak"))
    chosen = [run for run in runs if run.channel == channel and (verdict in STOPPED) == (run.verdict in STOPPED)]
    steady, mean = _combined(chosen or runs, steady_of), _combined(chosen or runs, mean_of)
    figure = SideFigure(
        verdict=verdict,
        runs=len(runs),
        requests=sum(run.requests for run in runs),
        bytes_per_request=round(steady.mean, 3) if steady else 0.0,
        ci95=_rounded(steady.limits(0.95)) if steady else runs[0].ci95,
        between_bytes=round(math.sqrt(steady.between), 3) if steady else 0.0,
        channel=channel,
        holders=tuple(dict.fromkeys(holder.path for run in runs for holder in run.holders)),
    )
    return _Side(figure, steady, mean)


def _combined(runs: Sequence[EndpointVerdict], read: Callable[[EndpointVerdict], Estimate | None]) -> Estimate | None:
    estimates = [found for found in map(read, runs) if found is not None]
    return combine(estimates) if estimates else None


def _change(before: _Side | None, after: _Side | None) -> _Change | None:
    """None where the figures say nothing about each other: one is missing, stopped growing, or is of other memory."""
    if before is None or after is None or before.stopped or after.stopped:
        return None
    if not (before.steady and before.mean and after.steady and after.mean):
        return None
    if before.figure.channel != after.figure.channel:
        return None
    return _Change(difference(after.steady, before.steady), difference(after.mean, before.mean))


def _significant(p_values: Sequence[float | None], alpha: float) -> list[bool]:
    """Which fall (S. Holm, "A simple sequentially rejective multiple test procedure", 1979)."""
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    passed = [False] * len(p_values)
    for rank, (p, i) in enumerate(order):
        if p > alpha / (len(order) - rank):
            break
        passed[i] = True
    return passed


def _answer(
    pair: Pair, before: _Side | None, after: _Side | None, found: _Change | None, up: bool, down: bool, bar: Bar
) -> EndpointComparison:
    outcome, note = _outcome(before, after, found, up, down, bar)
    renamed = f"renamed: {pair.renamed_by}" if pair.renamed_by else ""
    return EndpointComparison(
        name=pair.name,
        outcome=outcome,
        was=pair.was,
        baseline=before.figure if before else None,
        candidate=after.figure if after else None,
        difference_bytes_per_request=round(found.steady.mean, 3) if found else None,
        limits=_rounded(found.steady.limits(bar.confidence)) if found else None,
        p_value=min(found.p_value(1.0), found.p_value(-1.0)) if found else None,
        note="; ".join(part for part in (renamed, note) if part),
    )


def _outcome(
    before: _Side | None, after: _Side | None, found: _Change | None, up: bool, down: bool, bar: Bar
) -> tuple[EndpointChange, str]:
    if after is None:
        return "gone", ""
    if before is None:
        return _new(after)
    if found is None:
        return _by_verdicts(before, after)
    if up and found.largest(1.0) >= bar.threshold_bytes:
        return "regression", _rarely(found, 1.0, bar)
    if down and found.largest(-1.0) >= bar.threshold_bytes:
        return "improvement", _rarely(found, -1.0, bar)
    margin = max(bar.threshold_bytes, SAME_SHARE * abs(before.figure.bytes_per_request))
    upper = found.steady.limits(0.95)[1]
    if upper < margin:
        return "same", ""
    return "inconclusive", f"may keep up to {upper:.0f} B/request more than before; measure longer or more often"


def _rarely(found: _Change, sign: float, bar: Bar) -> str:
    if sign * found.steady.mean >= bar.threshold_bytes:
        return ""
    return f"by {found.mean.mean:+.0f} B/request on average, in rare large pieces"


def _new(after: _Side) -> tuple[EndpointChange, str]:
    if after.leaks:
        return "regression", "new, and it leaks"
    return ("inconclusive", "new, and could not tell") if after.figure.verdict == "inconclusive" else ("new", "")


def _by_verdicts(before: _Side, after: _Side) -> tuple[EndpointChange, str]:
    """Where the bytes can't be subtracted the runs' own verdicts, which are sure of themselves, still can tell."""
    was, now = before.figure, after.figure
    change = f"was {was.verdict} ({was.channel}), is {now.verdict} ({now.channel})"
    if "inconclusive" in (was.verdict, now.verdict):
        return "inconclusive", change
    if before.leaks and after.leaks:
        return "not_comparable", f"leaks in other memory: {was.channel} before, {now.channel} now"
    if after.leaks:
        return "regression", change
    return ("improvement", change) if before.leaks else ("same", change if was.verdict != now.verdict else "")


def _rounded(limits: tuple[float, float]) -> tuple[float, float]:
    return round(limits[0], 3), round(limits[1], 3)
