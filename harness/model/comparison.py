"""What comparing two sets of runs found, and what is known to leak already."""

from __future__ import annotations

from datetime import date
from typing import Any, Final, Literal

from harness.model.base import Value
from harness.model.verdict import Channel, EndpointOutcome

# Growth that is given back: it stopped by itself, or the cycle collector frees it.
STOPPED: Final[frozenset[EndpointOutcome]] = frozenset({"bounded", "garbage"})
# Estimates and limits that nothing bounds are recorded as enormous numbers.
UNBOUNDED_BYTES: Final = 2.0**40

EndpointChange = Literal["regression", "same", "improvement", "inconclusive", "not_comparable", "new", "gone"]
ComparisonOutcome = Literal["regression", "same", "improvement", "inconclusive", "not_comparable"]


class KnownLeak(Value):
    """A leak that people know of and wait for; `expires` is the last day on which it doesn't fail.

    `endpoint` and `holder` are patterns, in which `*` stands for any text; where both are given both have to fit.
    """

    endpoint: str | None = None
    holder: str | None = None
    reason: str
    expires: date


class SideFigure(Value):
    """An endpoint on one side of a comparison, over all `runs` that measured it.

    `ci95` are the limits of the combined estimate. `between_bytes` is the standard deviation from run to run beyond
    what each run's own limits explain. `verdict` is that of most runs.
    """

    verdict: EndpointOutcome
    runs: int
    requests: int
    bytes_per_request: float
    ci95: tuple[float, float]
    between_bytes: float = 0.0
    channel: Channel
    holders: tuple[str, ...] = ()


class EndpointComparison(Value):
    """`difference_bytes_per_request` is the candidate's growth less the baseline's, `limits` at the confidence asked.

    `p_value` is one-sided, of "no more than before" or "no less", before Holm's correction. `was` is the name that a
    renamed endpoint had. `known` is the reason why a leak doesn't fail.
    """

    name: str
    outcome: EndpointChange
    was: str | None = None
    baseline: SideFigure | None = None
    candidate: SideFigure | None = None
    difference_bytes_per_request: float | None = None
    limits: tuple[float, float] | None = None
    p_value: float | None = None
    known: str | None = None
    note: str = ""


class UnlikeField(Value):
    """A field of the environment that has to be the same on both sides, with all values seen; `allowed` by the user."""

    field: str
    baseline: tuple[Any, ...]
    candidate: tuple[Any, ...]
    allowed: bool = False


class Comparison(Value):
    """The document of `hyperleak compare --json`."""

    schema_version: Literal[1] = 1
    outcome: ComparisonOutcome
    baseline: tuple[str, ...]
    candidate: tuple[str, ...]
    endpoints: tuple[EndpointComparison, ...] = ()
    unlike: tuple[UnlikeField, ...] = ()
    threshold_bytes: float
    confidence: float
    notes: tuple[str, ...] = ()
