"""What a method claims of an app's endpoints, and how far from the truth that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """Of one endpoint; `ci95` in bytes a request, None of a method that gives no limits.

    `cleared`: said to keep less than the threshold. What is neither a leak nor cleared wasn't decided.
    """

    leak: bool
    bytes_per_request: float
    ci95: tuple[float, float] | None = None
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class Truth:
    """Of one endpoint; `bytes_per_request` None where it keeps memory at no steady rate, as a cache does."""

    leaks: bool
    bytes_per_request: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Judged:
    """Counts of one run. `*_limits` are those that were given and could be checked, `*_covered` those that held.

    `relative_errors` are of the leaks that were found; `seconds` and `requests` went by until the verdict stood.
    """

    false_alarms: int
    leaking: int
    found: int
    wrongly_cleared: int
    leak_limits: int
    leak_covered: int
    other_limits: int
    other_covered: int
    relative_errors: tuple[float, ...]
    seconds: float
    requests: float
    decided: bool


def judge(claims: Sequence[Claim], truths: Sequence[Truth], *, seconds: float, requests: float) -> Judged:
    pairs = list(zip(claims, truths, strict=True))
    leaks = [(claim, truth) for claim, truth in pairs if truth.leaks]
    checked = [
        (truth.leaks, claim.ci95[0] <= truth.bytes_per_request <= claim.ci95[1])
        for claim, truth in pairs
        if claim.ci95 is not None and truth.bytes_per_request is not None
    ]
    return Judged(
        false_alarms=sum(claim.leak and not truth.leaks for claim, truth in pairs),
        leaking=len(leaks),
        found=sum(claim.leak for claim, _ in leaks),
        wrongly_cleared=sum(claim.cleared for claim, _ in leaks),
        leak_limits=sum(leaks for leaks, _ in checked),
        leak_covered=sum(leaks and held for leaks, held in checked),
        other_limits=sum(not leaks for leaks, _ in checked),
        other_covered=sum(not leaks and held for leaks, held in checked),
        relative_errors=tuple(
            abs(claim.bytes_per_request / truth.bytes_per_request - 1.0)
            for claim, truth in leaks
            if claim.leak and truth.bytes_per_request
        ),
        seconds=seconds,
        requests=requests,
        decided=all(claim.leak or claim.cleared for claim in claims),
    )
