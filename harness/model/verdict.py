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
    """What one request at a time showed; `typical_error` is the standard error of the median request's bytes."""

    verdict: EndpointOutcome
    typical_bytes_per_request: float
    requests: int
    typical_error: float | None = None


class EndpointVerdict(Value):
    """One endpoint's answer.

    `p_value` is one-sided, of "grows by no more than the threshold", before Holm's correction. `ci95` is two-sided.
    `randomisation_p_value` is the same by redrawing the order of the windows, of a leak or what is near one; None where
    they weren't drawn in blocks, or too few for it to be as small as 0.05.
    `typical_bytes_per_request` is what a request keeps without the rare jumps of a growing array's doublings,
    `typical_error` its standard error (bytes a request) with `freedom` degrees of freedom: what a comparison needs.
    `channels`: what each channel that was read says, bytes a request; resident memory may blame whoever touched pages.
    `upper_limit_bytes_per_request`: at the run's confidence it leaks less than this (what "clean" means in numbers).
    `known`: the reason why this leak, which people know of, doesn't fail the run.
    `detectable_bytes_per_request`: the smallest leak this run would have called one, four times out of five.
    `decided_after_s`: seconds of screening and load until this verdict was first there to stay, naming not counted, and
    `decided_after_requests` of all endpoints together until then; None where nothing is decided, or it isn't known.
    """

    name: str
    verdict: EndpointOutcome
    bytes_per_request: float
    ci95: tuple[float, float]
    p_value: float
    requests: int
    channel: Channel
    randomisation_p_value: float | None = None
    per_request: dict[str, float] = {}
    cause: Cause = "unknown"
    holders: tuple[Holder, ...] = ()
    failures: dict[str, int] = {}
    typical_bytes_per_request: float | None = None
    typical_error: float | None = None
    freedom: float | None = None
    channels: dict[Channel, float] = {}
    upper_limit_bytes_per_request: float | None = None
    detectable_bytes_per_request: float | None = None
    screened: Screened | None = None
    known: str | None = None
    note: str = ""
    decided_after_s: float | None = None
    decided_after_requests: int | None = None


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
