"""What the results folder knows of a scenario: its runs in the order of their time, and what each endpoint did."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from harness.model.base import Value
from harness.model.verdict import Channel, EndpointOutcome, Outcome


class Point(NamedTuple):
    """One endpoint in one run; `low` and `high` are the 95% limits of its bytes a request."""

    name: str
    verdict: EndpointOutcome
    bytes_per_request: float
    low: float
    high: float
    requests: int
    channel: Channel
    holder: str


class HistoryRun(Value):
    """One run; `folder` is its name inside of the scenario's folder, `revision` the commit ("" where none is known)."""

    folder: str
    run_id: str
    began: datetime
    revision: str
    outcome: Outcome
    points: tuple[Point, ...]


class Damaged(Value):
    """A run folder that can't be read, and why."""

    folder: str
    reason: str


class Change(Value):
    """A step in an endpoint's growth, bytes a request: between the run `last_before` and the run `first_after`.

    `p_value` is of the permutation test that such a step is chance.
    """

    last_before: str
    first_after: str
    before_bytes: float
    after_bytes: float
    p_value: float

    @property
    def size_bytes(self) -> float:
        return self.after_bytes - self.before_bytes


class Trend(Value):
    """One endpoint over all runs that measured it: `runs[i]` is the index of the run of `points[i]`."""

    name: str
    runs: tuple[int, ...]
    points: tuple[Point, ...]
    changes: tuple[Change, ...] = ()


class ScenarioHistory(Value):
    scenario: str
    runs: tuple[HistoryRun, ...]
    trends: tuple[Trend, ...]
    damaged: tuple[Damaged, ...] = ()
