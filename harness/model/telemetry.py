"""A run as a telemetry backend is told of it."""

from __future__ import annotations

from datetime import datetime

from harness.model.base import Value
from harness.model.picture import Curve
from harness.model.verdict import Verdict


class Span(Value):
    """When a run was under load, by this machine's clock.

    `exact` False: only the run's own start is known, so it was later by the time of the target's start and screening.
    """

    began: datetime
    ended: datetime
    exact: bool = True


class Telemetry(Value):
    """`revision` is the commit that was measured, "" where none is known. `curves` start at `span.began`."""

    scenario: str
    revision: str
    span: Span
    verdict: Verdict
    curves: tuple[Curve, ...] = ()
