"""The verdict document (`--json`, and `record.json` of a run folder), schema version 1."""

from __future__ import annotations

from typing import Any, Literal

from harness.model.base import Value
from harness.model.samples import Event

Outcome = Literal["leak", "clean", "inconclusive"]
EndpointOutcome = Literal["leak", "clean", "bounded", "garbage", "inconclusive"]
Channel = Literal["php_heap", "anon", "private_dirty", "rss"]
Cause = Literal["static", "global", "closure", "resource", "extension", "singleton", "coroutine", "timer", "unknown"]


class Holder(Value):
    path: str
    file: str | None = None
    line: int | None = None
    bytes_per_request: float
    elements_per_request: float


class Naming(Value):
    """What two censuses around a burst said of one endpoint; `remark` is for people."""

    holders: tuple[Holder, ...] = ()
    cause: Cause = "unknown"
    remark: str = ""


class Screened(Value):
    """What one request at a time showed."""

    verdict: EndpointOutcome
    typical_bytes_per_request: float
    requests: int


class EndpointVerdict(Value):
    """One endpoint's answer.

    `p_value` is one-sided, of "grows by no more than the threshold", before Holm's correction. `ci95` is two-sided.
    `typical_bytes_per_request` is what a request keeps without the rare jumps of a growing array's doublings.
    `upper_limit_bytes_per_request`: at the run's confidence it leaks less than this (what "clean" means in numbers).
    `detectable_bytes_per_request`: the smallest leak this run would have called one, four times out of five.
    """

    name: str
    verdict: EndpointOutcome
    bytes_per_request: float
    ci95: tuple[float, float]
    p_value: float
    requests: int
    channel: Channel
    per_request: dict[str, float] = {}
    cause: Cause = "unknown"
    holders: tuple[Holder, ...] = ()
    failures: dict[str, int] = {}
    typical_bytes_per_request: float | None = None
    upper_limit_bytes_per_request: float | None = None
    detectable_bytes_per_request: float | None = None
    screened: Screened | None = None
    note: str = ""


class Verdict(Value):
    schema_version: Literal[1] = 1
    run_id: str
    outcome: Outcome
    endpoints: tuple[EndpointVerdict, ...]
    time_driven_bytes_per_second: float = 0.0
    unattributed_bytes_per_request: float = 0.0
    events: tuple[Event, ...] = ()
    notes: tuple[str, ...] = ()
    environment: dict[str, Any] = {}
