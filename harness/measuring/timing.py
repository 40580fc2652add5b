"""When each endpoint's verdict was there, and what the stages of a run took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model.verdict import EndpointOutcome, Verdict

DECIDED = ("decided_after_s", "decided_after_requests")


@dataclass(frozen=True, slots=True)
class Look:
    """An interim verdict: `elapsed_s` and `requests` (of all endpoints together) since the load began."""

    elapsed_s: float
    requests: int
    outcomes: tuple[EndpointOutcome, ...]


@dataclass(frozen=True, slots=True)
class Stages:
    """Seconds and requests of the two stages that decide; naming and everything else isn't counted."""

    screening_s: float = 0.0
    load_s: float = 0.0
    screening_requests: int = 0
    load_requests: int = 0

    @property
    def document(self) -> dict[str, float | dict[str, int]]:
        """As `environment.schedule` of a verdict has it."""
        return {
            "screening_s": round(self.screening_s, 3),
            "load_s": round(self.load_s, 3),
            "requests": {"screening": self.screening_requests, "load": self.load_requests},
        }


def with_times(verdict: Verdict, looks: Sequence[Look], stages: Stages) -> Verdict:
    """The verdict with the stages' times, and for each endpoint when its outcome was first there to stay."""
    schedule = {**verdict.environment.get("schedule", {}), **stages.document}
    endpoints = []
    for e, endpoint in enumerate(verdict.endpoints):
        look = _first_to_stay(looks, e, endpoint.verdict)
        after_s = stages.screening_s + (look.elapsed_s if look else stages.load_s)
        requests = stages.screening_requests + (look.requests if look else stages.load_requests)
        decided = endpoint.verdict != "inconclusive"
        times = {"decided_after_s": round(after_s, 3), "decided_after_requests": requests} if decided else {}
        endpoints.append(endpoint.model_copy(update=times))
    environment = {**verdict.environment, "schedule": schedule}
    return verdict.model_copy(update={"endpoints": tuple(endpoints), "environment": environment})


def with_times_of(verdict: Verdict, recorded: Verdict) -> Verdict:
    """The times that a record has, for the endpoints of which `verdict`, made again of its samples, says the same."""
    known = {endpoint.name: endpoint for endpoint in recorded.endpoints}
    endpoints = []
    for endpoint in verdict.endpoints:
        before = known.get(endpoint.name)
        same = before is not None and before.verdict == endpoint.verdict
        times = {name: getattr(before, name) for name in DECIDED} if same else {}
        endpoints.append(endpoint.model_copy(update=times))
    schedule = recorded.environment.get("schedule", {})
    environment = {**verdict.environment, "schedule": {**verdict.environment.get("schedule", {}), **schedule}}
    return verdict.model_copy(update={"endpoints": tuple(endpoints), "environment": environment})


def _first_to_stay(looks: Sequence[Look], endpoint: int, outcome: EndpointOutcome) -> Look | None:
    """The first look since which the outcome was this; None where only the end of the run told it."""
    first = None
    for look in reversed(looks):
        if look.outcomes[endpoint] != outcome:
            break
        first = look
    return first
