"""The answer in words, and what to do next, in one sentence or two."""

from __future__ import annotations

from typing import Final, NamedTuple

from harness.model.verdict import Cause, EndpointVerdict, Verdict
from harness.report.html.shown import shown
from harness.report.wording import is_known, leaks, place, size_of

NAMED: Final = 3
_BY_CAUSE: Final[dict[Cause, str]] = {
    "static": "Look for a static property or variable that the endpoint only ever adds to.",
    "global": "Look for a global variable that the endpoint only ever adds to.",
    "closure": "Look for callbacks that the endpoint registers and nobody removes.",
    "resource": "Close what the endpoint opens, also on the way out of an exception.",
    "extension": "The PHP heap stands still: look at the extensions that the endpoint calls, and at their versions.",
    "singleton": "Look for a service that lives as long as its worker, and keeps something of each request.",
    "coroutine": "End the coroutines that the endpoint starts; look for channels that nobody closes.",
    "timer": "Clear the timers that the endpoint starts.",
    "unknown": "Look at what the endpoint keeps beyond its answer.",
}
_AGAIN: Final = "Then run the scenario again."
_ONLY_TOGETHER: Final = "Run pairs of endpoints in scenarios of their own: it takes more than one to leak."
_CLEAN: Final = "Nothing to do. Keep this run to compare later ones with."


class Said(NamedTuple):
    """A piece of a sentence; `is_code` where it is a name or a place of the target's."""

    text: str
    is_code: bool = False


def title_of(verdict: Verdict) -> str:
    """The answer in a few words."""
    leaking, endpoints = leaks(verdict), len(verdict.endpoints)
    if leaking and len(leaking) == endpoints:
        return "The endpoint leaks" if endpoints == 1 else f"All {endpoints} endpoints leak"
    if leaking:
        return f"{len(leaking)} of {endpoints} endpoints leak{'s' if len(leaking) == 1 else ''}"
    if verdict.outcome == "leak":
        return "The endpoints leak together, none by itself"
    if verdict.outcome == "clean":
        return "The endpoint doesn't leak" if endpoints == 1 else f"None of {endpoints} endpoints leaks"
    return f"Could not tell for {len(_open(verdict))} of {endpoints} endpoint{'s' if endpoints != 1 else ''}"


def lead_of(verdict: Verdict) -> list[Said]:
    """How much it is, and where."""
    leaking = leaks(verdict)
    if leaking:
        return _worst(leaking)
    if verdict.outcome == "leak":
        return [Said(f"All together keep {size_of(verdict.unattributed_bytes_per_request)} a request.")]
    if verdict.outcome == "clean":
        limit = max((e.upper_limit_bytes_per_request or 0.0 for e in verdict.endpoints), default=0.0)
        return [Said(f"None keeps as much as {size_of(max(limit, 1.0))} a request.")]
    return [Said("The budget ended before an answer, or something stood in its way: see the notes.")]


def _worst(leaking: list[EndpointVerdict]) -> list[Said]:
    said = []
    for number, endpoint in enumerate(leaking[:NAMED]):
        kept = f" keeps {size_of(endpoint.bytes_per_request)} of each request" if not number else ""
        said += [Said(", ")] if number else []
        said += [Said(shown(endpoint.name), True), Said(kept or f" {size_of(endpoint.bytes_per_request)}")]
    rest = len(leaking) - NAMED
    return [*said, Said(f" and {rest} more less than those." if rest > 0 else ".")]


def next_step(verdict: Verdict) -> list[Said]:
    """What a person does about it."""
    leaking = leaks(verdict)
    if leaking:
        return _mend(leaking[0])
    if verdict.outcome == "leak":
        return [Said(_ONLY_TOGETHER)]
    if verdict.outcome == "clean":
        return [Said(_CLEAN)]
    return [Said(_measure_more(_open(verdict)))]


def _mend(endpoint: EndpointVerdict) -> list[Said]:
    holder = next((holder for holder in endpoint.holders if holder.file), None)
    if holder is None:
        return [Said(f"{_BY_CAUSE[endpoint.cause]} {_AGAIN}")]
    where, path = Said(shown(place(holder)), True), Said(shown(holder.path), True)
    return [Said("Open "), where, Said(": "), path, Said(f" takes something from each request and keeps it. {_AGAIN}")]


def _measure_more(open_ones: list[EndpointVerdict]) -> str:
    seen = [e.detectable_bytes_per_request for e in open_ones if e.detectable_bytes_per_request is not None]
    known = [size for size in seen if is_known(size)]
    so_far = f" This one would have seen leaks from {size_of(max(known))} a request on." if known else ""
    return f"Run it again with a longer load.budget.{so_far}"


def _open(verdict: Verdict) -> list[EndpointVerdict]:
    return [endpoint for endpoint in verdict.endpoints if endpoint.verdict == "inconclusive"]
