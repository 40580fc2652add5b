"""What the measurements mean: whether two ends differ, the line between them, on which side a commit lies. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.errors import InputError
from harness.model.bisection import Difference, Finding
from harness.model.verdict import EndpointVerdict, Verdict
from harness.units import format_size

# What isn't a leak stays at nothing in the end, however much it grew before.
_ENDS_AT_NOTHING = ("bounded", "garbage")


# From this share of unexpected answers on, what is measured isn't the endpoint.
_BROKEN_SHARE = 0.1


@dataclass(frozen=True)
class Undecided:
    """An end could not be judged, so nothing between the ends can be."""

    reason: str


def difference(
    good: Sequence[EndpointVerdict], bad: Sequence[EndpointVerdict], threshold_bytes: float
) -> Difference | Undecided:
    """The endpoint that tells the ends apart (of several the one that differs the most) and the line between.

    Raises InputError where the ends surely don't differ.
    """
    at_good = {found.name: found for found in good}
    pairs = [(at_good[found.name], found) for found in bad]
    apart = [pair for pair in pairs if _differ(*pair, threshold_bytes)]
    if not apart:
        return _no_difference(pairs)
    clean, leaking = max(apart, key=lambda pair: pair[1].bytes_per_request - kept(pair[0]))
    line = (kept(clean) + leaking.bytes_per_request) / 2
    return Difference(
        endpoint=leaking.name,
        clean_bytes_per_request=kept(clean),
        leaking_bytes_per_request=leaking.bytes_per_request,
        threshold_bytes_per_request=round(line, 1),
        channel=leaking.channel,
        screening_tells=_screening_tells(clean, leaking, line),
        others=tuple(bad_end.name for _, bad_end in apart if bad_end is not leaking),
    )


def finding_of(found: EndpointVerdict) -> tuple[Finding, str]:
    """On which side an endpoint lies that was judged by the line between the ends; with why it can't be told."""
    if found.verdict == "inconclusive":
        return "skipped", f"inconclusive: {found.note or 'the budget ended before an answer'}"
    return ("leaks" if found.verdict == "leak" else "clean"), ""


def decided(interim: Verdict, aim: Difference) -> EndpointVerdict | None:
    """The endpoint as an interim verdict has it, where that is enough to end the measurement of a commit."""
    found = next((each for each in interim.endpoints if each.name == aim.endpoint), None)
    if found is None or found.verdict == "inconclusive" or aim.channel != "php_heap":
        return None
    if is_screening(interim) and not aim.screening_tells:
        return None
    return found


def is_screening(verdict: Verdict) -> bool:
    """Whether this is a screening's interim verdict."""
    return bool(verdict.environment.get("schedule", {}).get("kind") == "screen")


def _differ(good: EndpointVerdict, bad: EndpointVerdict, threshold_bytes: float) -> bool:
    """Significant and big enough: the limits lie apart, and the estimates by the smallest growth called a leak."""
    if bad.verdict != "leak" or any(unexpected(end.name, end.failures, end.requests) for end in (good, bad)):
        return False
    if good.verdict in ("clean", *_ENDS_AT_NOTHING):
        return True
    far = bad.bytes_per_request - good.bytes_per_request >= threshold_bytes
    return far and _upper_limit(good) < bad.ci95[0]


def _upper_limit(found: EndpointVerdict) -> float:
    limit = found.upper_limit_bytes_per_request
    return found.ci95[1] if limit is None else max(limit, found.ci95[1])


def kept(found: EndpointVerdict) -> float:
    """Bytes that a request keeps in the end."""
    return 0.0 if found.verdict in _ENDS_AT_NOTHING else max(0.0, found.bytes_per_request)


def _screening_tells(clean: EndpointVerdict, leaking: EndpointVerdict, line: float) -> bool:
    if clean.screened is None or leaking.screened is None or leaking.screened.verdict != "leak":
        return False
    apart = clean.screened.typical_bytes_per_request < line < leaking.screened.typical_bytes_per_request
    return apart and clean.screened.verdict != "inconclusive"


def _no_difference(pairs: Sequence[tuple[EndpointVerdict, EndpointVerdict]]) -> Undecided:
    told = "; ".join(f"{bad.name}: good {_short(good)}, bad {_short(bad)}" for good, bad in pairs[:5])
    if any("inconclusive" in (good.verdict, bad.verdict) for good, bad in pairs):
        advice = "give more time (load.budget), --endpoint, or let the heaps be read"
        return Undecided(f"the two revisions can't be told apart ({told}): {advice}")
    raise InputError(
        f"the two revisions don't differ ({told})",
        hint="give a good revision that doesn't leak and a bad one that does, or another --endpoint",
    )


def unexpected(name: str, failures: Mapping[str, int], requests: int) -> str:
    """Why the answers say that the endpoint doesn't work at a commit; "" where it does."""
    if sum(failures.values()) <= _BROKEN_SHARE * max(1, requests):
        return ""
    listed = ", ".join(f"{count} × {status}" for status, count in Counter(failures).most_common(3))
    return f"{name} answers unexpectedly ({listed} of {requests} requests)"


def _short(found: EndpointVerdict) -> str:
    answers = unexpected("", found.failures, found.requests)
    return f"{found.verdict} {format_size(found.bytes_per_request)}/request{answers}"
