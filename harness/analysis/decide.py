"""From estimates to a verdict for each endpoint: leak, clean, bounded, garbage, or not known yet."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.analysis.columns import Bools, Floats
from harness.analysis.design import Design
from harness.analysis.estimate import (
    JUMP_SCALES,
    QUANTUM_BYTES,
    Estimates,
    Noise,
    estimate,
    estimate_design,
    smooth_noise,
    usable_rows,
    window_design,
)
from harness.analysis.garbage import garbage_of
from harness.analysis.numbers import how_many
from harness.analysis.regression import Fit
from harness.analysis.student import t_quantile
from harness.analysis.windows import WindowTable
from harness.model.scenario import Estimator
from harness.model.verdict import Channel, EndpointOutcome

# Growth that gave back this share of itself in sudden drops was garbage waiting for the collector.
GARBAGE_SHARE = 0.25
# Growth whose later half is surely below its earlier half, and below this share of it, is slowing down.
SLOWING_SHARE = 0.85
SLOWING_LEVEL = 0.99
HALVES_LEVEL = 0.9
# JSON knows no infinity: a limit that isn't there is this far away.
FAR_BYTES = float(2**53)


@dataclass(frozen=True, slots=True)
class Settings:
    """`threshold_bytes` a request is the smallest growth called a leak; `confidence` of the whole run.

    `looks`: how often the data may be looked at; the error allowed is divided over them. `confirm_requests`: how many
    to an endpoint tell a leak from a cache that is still filling. `estimator`: how growth is fitted, see `Estimator`.
    """

    threshold_bytes: float = 64.0
    confidence: float = 0.99
    looks: int = 1
    confirm_requests: int = 0
    estimator: Estimator = "robust"

    @property
    def alpha(self) -> float:
        return (1.0 - self.confidence) / self.looks


@dataclass(frozen=True, slots=True)
class Decision:
    """One endpoint on one channel; `note` says what a person should know about it.

    `typical_error` is the standard error of `typical`, with `freedom` degrees of freedom.
    """

    outcome: EndpointOutcome
    bytes_per_request: float
    typical: float
    ci95: tuple[float, float]
    p_value: float
    upper_limit: float
    detectable: float
    requests: int
    note: str = ""
    typical_error: float | None = None
    freedom: float | None = None


def decide(table: WindowTable, channel: Channel, settings: Settings) -> tuple[list[Decision], Estimates] | None:
    """Decisions on the usable rows of `table`, one an endpoint; None where there are too few windows."""
    rows = table.select(usable_rows(table, channel))
    design = window_design(rows)
    try:
        noise = smooth_noise(design, rows, channel) if settings.estimator == "gls" else None
        whole = estimate_design(design, rows.growth[channel], channel, noise)
    except ValueError:
        return None
    halves = _halves(rows, design, channel, whole, settings.confidence, noise)
    garbage = garbage_of(rows) if channel == "php_heap" else None
    p_values = whole.p_above(settings.threshold_bytes)
    growing = _holm(p_values, settings.alpha)
    level = 1.0 - settings.alpha / max(1, len(table.endpoints))
    lower95, upper95, upper = map(_finite, (whole.lower(0.975), whole.upper(0.975), whole.upper(level)))
    detectable = _finite(whole.detectable(level))
    decisions = []
    for e in range(len(table.endpoints)):
        outcome, note = _outcome(e, whole, halves, bool(growing[e]), upper[e], settings)
        if garbage is not None:
            outcome, note = garbage.correct(e, outcome, note, settings.threshold_bytes)
        decisions.append(
            Decision(
                outcome=outcome,
                bytes_per_request=float(whole.mean[e]),
                typical=float(whole.fit.slopes[e]),
                ci95=(lower95[e], upper95[e]),
                p_value=float(p_values[e]),
                upper_limit=_upper_limit(e, outcome, upper[e], halves),
                detectable=detectable[e],
                requests=int(whole.requests[e]),
                note=note,
                typical_error=_known(whole.fit.errors[e]),
                freedom=_known(whole.fit.freedom[e]),
            )
        )
    return decisions, whole


def may_leak(table: WindowTable, channel: Channel, settings: Settings) -> bool:
    """Whether any decision may be a leak, which is told for much less than the decisions."""
    rows = table.select(usable_rows(table, channel))
    try:
        whole = estimate(rows, channel)
    except ValueError:
        return False
    return bool(_holm(whole.p_above(settings.threshold_bytes), settings.alpha).any())


def _upper_limit(e: int, outcome: EndpointOutcome, upper: float, halves: _Halves | None) -> float:
    """Of growth that came to an end, what the later half may still keep: it is by that half that it is no leak."""
    if halves is None or outcome not in ("clean", "bounded"):
        return upper
    return max(-FAR_BYTES, min(upper, float(halves.surely_below[halves.endpoints + e])))


def _outcome(
    e: int, whole: Estimates, halves: _Halves | None, growing: bool, upper: float, settings: Settings
) -> tuple[EndpointOutcome, str]:
    threshold = settings.threshold_bytes
    if whole.requests[e] == 0 or not np.isfinite(whole.error[e]):
        return "inconclusive", "its requests cannot be told apart from another endpoint's in this schedule"
    if halves is None:
        return "inconclusive", "too few windows to see whether the growth goes on"
    if not growing and upper < threshold and halves.late_limits(e)[0] < threshold:
        return "clean", ""
    if halves.stopped(e, threshold):
        early = halves.early(e)
        return ("bounded", halves.course(e)) if early > threshold else ("clean", "")
    if not growing:
        return "inconclusive", ""
    if whole.dropped[e] > GARBAGE_SHARE * whole.fit.slopes[e] * whole.requests[e]:
        return "garbage", "grows, and is given back when the cycle collector runs"
    if halves.slowing(e):
        return "inconclusive", (
            f"growth is slowing down ({halves.early(e):.0f}, then {halves.late(e):.0f} B/request): "
            "a cache that is still filling? Give it a longer budget"
        )
    if halves.stalled[e]:
        return "inconclusive", "kept less in its last window than before: a cache that is full? Give it a longer budget"
    if halves.late_limits(e)[0] <= threshold:
        return "inconclusive", "grows, but not surely so in the second half of the windows"
    return "leak", ""


@dataclass(frozen=True, slots=True)
class _Halves:
    """Estimates of the earlier half of each endpoint's own windows and of the later one, from one fit of 2p columns.

    `stalled` (p,): the last window of the endpoint by itself kept surely less than the whole lets expect. A robust fit
    takes the first windows of a full cache for outliers. `varying` (p,): see `_varying`. `freedom` (2p,) of the halves'
    slopes, by the windows that tell of each. `lower`, `upper` (2p,): limits at `HALVES_LEVEL`; `surely_below` (2p,):
    upper limits at the run's confidence.
    """

    estimates: Estimates
    endpoints: int
    stalled: Bools
    varying: Bools
    freedom: Floats
    lower: Floats
    upper: Floats
    surely_below: Floats

    def early(self, e: int) -> float:
        return float(self.estimates.mean[e])

    def late(self, e: int) -> float:
        return float(self.estimates.mean[self.endpoints + e])

    def course(self, e: int) -> str:
        early, late = (float(self.estimates.requests[half]) for half in (e, self.endpoints + e))
        return (
            f"grew by {self.early(e):.0f} B/request at first, then stopped: "
            f"at most {max(0.0, self.late_limits(e)[1]):.0f} B/request in its last {late:,.0f} of {early + late:,.0f}"
        )

    def late_limits(self, e: int) -> tuple[float, float]:
        late = self.endpoints + e
        return float(self.lower[late]), float(self.upper[late])

    def stopped(self, e: int, threshold: float) -> bool:
        """The later half is below the threshold: surely, or less surely where the earlier was above it, too."""
        fell = self.lower[e] > threshold and self.late_limits(e)[1] < threshold
        return bool(fell or self.surely_below[self.endpoints + e] < threshold)

    def slowing(self, e: int) -> bool:
        """By the steady slopes: the jumps of a growing array come ever later, and ever larger."""
        fit, late = self.estimates.fit, self.endpoints + e
        error = math.hypot(fit.errors[e], fit.errors[late])
        surely = t_quantile(SLOWING_LEVEL, self.freedom[e] + self.freedom[late]) * error
        fell = float(fit.slopes[e] - fit.slopes[late])
        return bool(self.varying[e] and fell > surely and fit.slopes[late] < SLOWING_SHARE * fit.slopes[e])


def _halves(
    rows: WindowTable,
    design: Design,
    channel: Channel,
    whole: Estimates,
    confidence: float,
    noise: Noise | None,
) -> _Halves | None:
    halved = design.halved()
    try:
        found = estimate_design(halved, rows.growth[channel], channel, noise)
    except ValueError:
        return None
    return _Halves(
        estimates=found,
        endpoints=len(rows.endpoints),
        stalled=_stalled(rows, whole.fit),
        varying=_varying(halved, found, QUANTUM_BYTES[channel]),
        freedom=_own_freedom(halved, len(rows)) if halved.level else found.fit.freedom[: halved.endpoints],
        lower=found.lower(HALVES_LEVEL),
        upper=found.upper(HALVES_LEVEL),
        surely_below=found.upper(confidence),
    )


def _own_freedom(design: Design, windows: int) -> Floats:
    """Of as many windows of the same size as would tell as much: most windows only end with an endpoint's requests."""
    squares = design.counts(np.ones(windows, dtype=bool)) ** 2
    alike = squares.sum(axis=0) ** 2 / np.maximum((squares**2).sum(axis=0), 1.0)
    return np.asarray(np.maximum(1.0, alike - 1.0))


def _stalled(rows: WindowTable, fit: Fit) -> Bools:
    driven = rows.requests > 0
    by_itself = driven & (how_many(driven) == 1)[:, None]
    endpoints = np.arange(len(rows.endpoints))
    last = len(rows) - 1 - np.argmax(by_itself[::-1], axis=0)
    expected = rows.requests[last, endpoints] * fit.slopes[: len(endpoints)]
    short = -fit.residuals[last]
    surely = (short > JUMP_SCALES * fit.scales[last]) & (short > (1.0 - SLOWING_SHARE) * expected)
    return np.asarray(by_itself.any(axis=0) & surely)


def _varying(halved: Design, found: Estimates, quantum: float) -> Bools:
    """Endpoints whose later windows didn't mostly keep the very same amount a request.

    A filling cache varies; where only the doublings of a growing array became rare, what is left is constant.
    """
    exact = halved.shares(np.abs(found.fit.residuals) <= quantum)
    return np.asarray(exact[halved.endpoints // 2 :] < 0.5)


def _holm(p_values: Floats, alpha: float) -> Bools:
    """Which hypotheses fall (S. Holm, "A simple sequentially rejective multiple test procedure", 1979)."""
    order = np.argsort(p_values)
    bounds = alpha / np.arange(len(p_values), 0, -1)
    passed = np.minimum.accumulate(p_values[order] <= bounds)
    rejected = np.zeros(len(p_values), dtype=bool)
    rejected[order[passed]] = True
    return rejected


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _finite(values: Floats) -> list[float]:
    return list(map(float, np.clip(values, -FAR_BYTES, FAR_BYTES)))
