"""What one run, or several of the same thing, say of an endpoint's growth: an estimate with its error.

Runs are combined by inverse variance with a random effect for what varies from run to run (R. DerSimonian, N. Laird,
"Meta-analysis in clinical trials", 1986); degrees of freedom follow F. E. Satterthwaite (1946) and B. L. Welch (1947).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.student import t_quantile, t_tail
from harness.model.comparison import UNBOUNDED_BYTES
from harness.model.verdict import EndpointVerdict

# Single requests and the load are of the same growth where the load's limits at this level hold both.
AGREEMENT = 0.99
# Runs can't tell less than this apart: the rounding of a heap's slots, spread over a run's requests.
REPEATABLE_BYTES = 0.5
# Where a record doesn't tell how many windows its limits stand on: as of few.
FEW_FREEDOM = 4.0
MOST_FREEDOM = 1e6


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes a request with a standard error and its degrees of freedom; `between` is the variance from run to run."""

    mean: float
    error: float
    freedom: float
    between: float = 0.0

    def limits(self, confidence: float) -> tuple[float, float]:
        width = float(t_quantile((1.0 + confidence) / 2.0, self.freedom)) * self.error
        return self.mean - width, self.mean + width

    def p_above(self, sign: float) -> float:
        """One-sided, of "not above zero" (`sign` 1) or "not below" (-1)."""
        return float(t_tail(sign * self.mean / self.error, self.freedom))


def mean_of(found: EndpointVerdict) -> Estimate | None:
    """The mean growth in one run, jumps included; None where nothing bounds it.

    The upper limit has the whole error; the lower one may be higher, since jumps only add to a steady slope.
    """
    if max(abs(found.ci95[0]), abs(found.ci95[1]), abs(found.bytes_per_request)) >= UNBOUNDED_BYTES:
        return None
    freedom = found.freedom or FEW_FREEDOM
    error = (found.ci95[1] - found.bytes_per_request) / float(t_quantile(0.975, freedom))
    return Estimate(found.bytes_per_request, max(error, REPEATABLE_BYTES), freedom)


def steady_of(found: EndpointVerdict) -> Estimate | None:
    """The steady growth in one run: of single requests, which are exact, where the load agrees with them.

    Of the load otherwise, and its mean where the steady growth was not kept with its error. None where the load said
    nothing.
    """
    load = _steady_under_load(found) or mean_of(found)
    single = _of_single_requests(found)
    if load is None:
        return None
    low, high = load.limits(AGREEMENT)
    return single if single and low <= single.mean <= high else load


def _steady_under_load(found: EndpointVerdict) -> Estimate | None:
    if found.typical_bytes_per_request is None or found.typical_error is None or found.freedom is None:
        return None
    return Estimate(found.typical_bytes_per_request, max(found.typical_error, REPEATABLE_BYTES), found.freedom)


def _of_single_requests(found: EndpointVerdict) -> Estimate | None:
    seen = found.screened
    if seen is None or seen.typical_error is None or seen.verdict not in ("leak", "clean"):
        return None
    return Estimate(
        seen.typical_bytes_per_request, max(seen.typical_error, REPEATABLE_BYTES), max(1.0, seen.requests - 1.0)
    )


def combine(estimates: Sequence[Estimate]) -> Estimate:
    """One estimate for several runs of the same thing."""
    if len(estimates) == 1:
        return estimates[0]
    between = _between(estimates)
    weights = [1.0 / (e.error**2 + between) for e in estimates]
    total = sum(weights)
    mean = sum(w * e.mean for w, e in zip(weights, estimates, strict=True)) / total
    within = sum((w / total) ** 2 * e.error**2 for w, e in zip(weights, estimates, strict=True))
    varying = sum((w / total) ** 2 for w in weights) * between
    freedom = _satterthwaite([(within, sum(e.freedom for e in estimates)), (varying, len(estimates) - 1.0)])
    return Estimate(mean, math.sqrt(within + varying), freedom, between)


def _between(estimates: Sequence[Estimate]) -> float:
    """Variance from run to run by the method of moments; 0 where the runs' own errors explain all of it."""
    weights = [1.0 / e.error**2 for e in estimates]
    total = sum(weights)
    mean = sum(w * e.mean for w, e in zip(weights, estimates, strict=True)) / total
    q = sum(w * (e.mean - mean) ** 2 for w, e in zip(weights, estimates, strict=True))
    scale = total - sum(w * w for w in weights) / total
    return max(0.0, (q - (len(estimates) - 1)) / scale)


def difference(candidate: Estimate, baseline: Estimate) -> Estimate:
    parts = [(candidate.error**2, candidate.freedom), (baseline.error**2, baseline.freedom)]
    error = math.hypot(candidate.error, baseline.error)
    return Estimate(candidate.mean - baseline.mean, error, _satterthwaite(parts))


def _satterthwaite(parts: Sequence[tuple[float, float]]) -> float:
    whole = sum(variance for variance, _ in parts)
    divisor = sum(variance**2 / freedom for variance, freedom in parts)
    return min(MOST_FREEDOM, whole**2 / divisor) if divisor else MOST_FREEDOM
