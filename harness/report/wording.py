"""Plain sentences about a verdict, which every report for people or for CI tells in the same words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from harness.model.verdict import Cause, Channel, EndpointOutcome, EndpointVerdict, Holder, Verdict
from harness.units import format_size

CHANNELS: Final[dict[Channel, str]] = {
    "php_heap": "the PHP heaps",
    "anon": "the container's anonymous memory",
    "private_dirty": "the processes' private memory",
    "rss": "the processes' resident memory",
}
CAUSES: Final[dict[Cause, str]] = {
    "static": "a static property or variable",
    "global": "a global variable",
    "closure": "closures that are kept, with what they capture",
    "resource": "resources that are not released",
    "extension": "native memory of an extension",
    "singleton": "a property of an object that lives on",
    "coroutine": "coroutines that never end",
    "timer": "timers that are never cleared",
    "unknown": "cause not known",
}
WORST_FIRST: Final[tuple[EndpointOutcome, ...]] = ("leak", "inconclusive", "garbage", "bounded", "clean")
TOGETHER: Final = "all endpoints together"

_UNKNOWN_BYTES = 2.0**40
_RUN_ID = re.compile(r"(.+)-\d{8}t\d{6}z-[0-9a-f]{6}")


def scenario_of(run_id: str) -> str:
    """The part of a run's id that is the same in the next run of the scenario."""
    match = _RUN_ID.fullmatch(run_id)
    return match[1] if match else run_id


def worst_first(endpoints: Iterable[EndpointVerdict]) -> list[EndpointVerdict]:
    return sorted(endpoints, key=lambda e: (WORST_FIRST.index(e.verdict), -e.bytes_per_request))


def leaks(verdict: Verdict) -> list[EndpointVerdict]:
    """The endpoints that leak, the largest leak first."""
    return [endpoint for endpoint in worst_first(verdict.endpoints) if endpoint.verdict == "leak"]


def blames_no_endpoint(verdict: Verdict) -> bool:
    """The run's answer isn't clean, and yet no endpoint has that answer by itself."""
    return verdict.outcome != "clean" and all(e.verdict != verdict.outcome for e in verdict.endpoints)


def together(verdict: Verdict) -> str:
    """What is said where no endpoint is to blame by itself."""
    if verdict.outcome == "inconclusive":
        return "could not tell for all endpoints together"
    size = size_of(verdict.unattributed_bytes_per_request)
    return f"no endpoint leaks by itself, all together keep {size}/request"


def story(endpoint: EndpointVerdict) -> str:
    """How much a leaking endpoint leaks, and where to."""
    limits = "-".join(number(limit) for limit in endpoint.ci95)
    size, channel = size_of(endpoint.bytes_per_request), CHANNELS[endpoint.channel]
    return f"leaks {size}/request (95% {limits}) in {channel}: {CAUSES[endpoint.cause]}"


def place(holder: Holder) -> str:
    """The holder's file and line, as far as they are known."""
    line = f":{holder.line}" if holder.line is not None else ""
    return f"{holder.file}{line}" if holder.file else ""


def share(holder: Holder) -> str:
    """What the holder gains by each request."""
    size, elements = size_of(holder.bytes_per_request), holder.elements_per_request
    if elements < 0.01:
        return f"{size} per request"
    more = "one more element" if round(elements, 2) == 1 else f"{elements:.3g} more elements"
    return f"{size}, {more} per request"


def open_question(endpoint: EndpointVerdict) -> str:
    """Why an endpoint is inconclusive."""
    if endpoint.note:
        return endpoint.note
    if endpoint.ci95[0] > 0:
        return f"grows by {size_of(endpoint.bytes_per_request)}/request, but not yet surely by more than the threshold"
    if endpoint.detectable_bytes_per_request:
        return f"a leak under {size_of(endpoint.detectable_bytes_per_request)}/request is not seen yet"
    return "the budget ended before an answer"


def endpoint_remarks(endpoint: EndpointVerdict) -> Iterable[str]:
    """What else is to be known of one endpoint."""
    if endpoint.verdict == "inconclusive":
        yield open_question(endpoint)
    elif endpoint.note:
        yield endpoint.note
    if endpoint.failures:
        yield f"unexpected answers ({failures(endpoint)})"


def failures(endpoint: EndpointVerdict) -> str:
    return ", ".join(f"{count:,} × {status}" for status, count in sorted(endpoint.failures.items()))


def run_remarks(verdict: Verdict) -> Iterable[str]:
    """What is to be known of the whole run, events of a kind in one sentence."""
    if verdict.time_driven_bytes_per_second:
        yield f"grows by {size_of(verdict.time_driven_bytes_per_second)}/s with no traffic at all: no endpoint's fault"
    if verdict.unattributed_bytes_per_request:
        size = size_of(verdict.unattributed_bytes_per_request)
        yield f"all endpoints together keep {size}/request more than each by itself"
    kinds: dict[str, list[str]] = {}
    for event in verdict.events:
        kinds.setdefault(event.kind, []).append(f"at {event.elapsed_s:.1f} s {event.detail}".rstrip())
    for kind, details in kinds.items():
        more = f" and {len(details) - 2} more" if len(details) > 2 else ""
        yield f"{kind.replace('_', ' ')}: {'; '.join(details[:2])}{more}"
    yield from verdict.notes


def size_of(value_bytes: float) -> str:
    """A size with its unit, "unknown" where the estimate has no limit."""
    return format_size(value_bytes) if is_known(value_bytes) else "unknown"


def number(value_bytes: float) -> str:
    """The same in bytes, without the unit."""
    if not is_known(value_bytes):
        return "unknown"
    return f"{round(value_bytes) + 0:,}" if abs(value_bytes) >= 10 or round(value_bytes) == 0 else f"{value_bytes:.1f}"


def limits(endpoint: EndpointVerdict) -> str:
    low, high = endpoint.ci95
    return f"{number(low)} … {number(high)}" if is_known(low) and is_known(high) else "unknown"


def is_known(value_bytes: float) -> bool:
    """Estimates and limits that nothing bounds are recorded as enormous numbers."""
    return abs(value_bytes) < _UNKNOWN_BYTES
