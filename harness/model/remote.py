"""What a monitoring system elsewhere knows of a service's memory, and what its growth says."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from harness.model.base import Value

# No word of a verdict: from a monitoring system's points alone nothing is called a leak.
TrendAnswer = Literal["grows", "flat", "stopped", "unclear"]


class Point(NamedTuple):
    """`at`: the middle of the minute whose mean `value` is."""

    at: datetime
    value: float


class RemoteTrend(Value):
    """Growth of one instance's memory against its requests; limits at `confidence`, both None where nothing is known.

    "grows": by more than the threshold a request, in the later half too; "stopped": only at first; "flat": by less.
    `quantum_bytes` is the step in which the metric comes, 0 where none shows. `idle_bytes_per_second` is None where the
    traffic was too even to tell growth with time from growth with requests. `run_id` is "" where there was no run.
    """

    schema_version: Literal[1] = 1
    kind: Literal["skywalking"] = "skywalking"
    answer: TrendAnswer
    service: str
    instance: str
    expression: str
    run_id: str = ""
    began: datetime
    ended: datetime
    points: int
    requests: int
    bytes_per_request: float | None = None
    limits: tuple[float, float] | None = None
    confidence: float
    threshold_bytes: float
    idle_bytes_per_second: float | None = None
    quantum_bytes: float = 0.0
    restarts: int = 0
    notes: tuple[str, ...] = ()
