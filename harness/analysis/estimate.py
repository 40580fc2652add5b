"""Growth of one channel per request of each endpoint, with limits, and what speaks against calling it a leak."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.columns import Bools, Floats
from harness.analysis.design import Design, design_of
from harness.analysis.locallevel import LocalLevel, gls_fit, likely_levels
from harness.analysis.means import Means, TimeSlope, means_alone, time_slope
from harness.analysis.numbers import how_many
from harness.analysis.regression import Fit, robust_fit
from harness.analysis.solo import Solo
from harness.analysis.student import t_quantile, t_tail
from harness.analysis.windows import WindowTable, undisturbed
from harness.model.verdict import Channel

Noise = Sequence[LocalLevel]

JUMP_SCALES = 6.0
POWER = 0.8

# The rounding of one window's reading: a zval slot of ZendMM, a page, two pages of the kernel's batched counters.
QUANTUM_BYTES: dict[Channel, float] = {"php_heap": 16.0, "anon": 8192.0, "private_dirty": 4096.0, "rss": 4096.0}


@dataclass(frozen=True, slots=True)
class Estimates:
    """Of p endpoints, in bytes a request unless said otherwise.

    `mean` is what was kept in all, rare jumps (the doublings of the array that holds a leak) and all: `error` its
    standard error, `freedom` its degrees of freedom. The steady slope is `fit.slopes`; `jump` what surely are jumps
    beyond it. `dropped` (bytes) was given back in sudden falls of the level. `time` is growth by time alone, in
    bytes/s, by the idle windows; None without any.
    """

    fit: Fit
    requests: Floats
    mean: Floats
    error: Floats
    freedom: Floats
    jump: Floats
    dropped: Floats
    time: TimeSlope | None

    def lower(self, level: float) -> Floats:
        """Of the mean; with jumps the higher of two, at half the error: of the slope too, which jumps only add to."""
        jumpy = self.jump > 0
        quantile = np.where(jumpy, (1.0 + level) / 2.0, level)
        of_mean = self.mean - t_quantile(quantile, self.freedom) * self.error
        of_slope = self._slopes - t_quantile(quantile, self._slope_freedom) * self._slope_errors
        return np.asarray(np.where(jumpy, np.fmax(of_mean, of_slope), of_mean))

    def upper(self, level: float) -> Floats:
        return np.asarray(self.mean + t_quantile(level, self.freedom) * self.error)

    def p_above(self, bound: float) -> Floats:
        """One-sided p-values of "grows by no more than `bound` bytes a request", by the limits of `lower`.

        By the slope too where growth was given back in falls: what then becomes of it isn't this test's question.
        """
        of_mean = _tail(self.mean - bound, self.error, self.freedom)
        of_slope = _tail(self._slopes - bound, self._slope_errors, self._slope_freedom)
        either = np.minimum(1.0, 2.0 * np.minimum(of_mean, of_slope))
        return np.asarray(np.where((self.jump > 0) | (self.dropped > 0), either, of_mean))

    def detectable(self, level: float) -> Floats:
        """The smallest slope above zero that a test at `level` finds with probability `POWER`; 1.1 for robustness."""
        quantiles = t_quantile(level, self.freedom) + t_quantile(POWER, self.freedom)
        return np.asarray(1.1 * quantiles * self.error)

    @property
    def _slopes(self) -> Floats:
        return self.fit.slopes[: len(self.requests)]

    @property
    def _slope_errors(self) -> Floats:
        return self.fit.errors[: len(self.requests)]

    @property
    def _slope_freedom(self) -> Floats:
        return self.fit.freedom[: len(self.requests)]


def _tail(above: Floats, error: Floats, freedom: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        t = above / error
    return t_tail(np.where(np.isfinite(t), t, 0.0), freedom)


def usable_rows(table: WindowTable, channel: Channel) -> Bools:
    return undisturbed(table, channel) & ~table.mix & ~table.group & np.isfinite(table.growth[channel])


def window_design(table: WindowTable) -> Design:
    """Of the requests, and of time where there are idle windows to tell it by."""
    idle = how_many(table.requests != 0) == 0
    return design_of(table.requests, table.duration_s if idle.any() else None)


def estimate(table: WindowTable, channel: Channel) -> Estimates:
    """Fits the rows of `table`. Raises ValueError where there are too few windows."""
    return estimate_design(window_design(table), table.growth[channel], channel)


def smooth_noise(design: Design, rows: WindowTable, channel: Channel) -> tuple[LocalLevel, ...]:
    """What generalised least squares takes for the noise of `rows`, whose readings neighbours in the recording share.

    Raises ValueError where there are too few windows.
    """
    linked = np.diff(rows.number) == 1
    return likely_levels(design, rows.growth[channel], rows.duration_s, linked, rounding=_rounding(channel))


def estimate_design(design: Design, growth: Floats, channel: Channel, noise: Noise | None = None) -> Estimates:
    """The same of any design of requests; by generalised least squares where the `noise` is given."""
    if noise is not None:
        return _smooth(design, growth, channel, noise)
    endpoints, requests = design.endpoints, design.requests
    rounding = _rounding(channel)
    fit = robust_fit(design, growth, floor=QUANTUM_BYTES[channel], alike=design.level and channel != "php_heap")
    time = time_slope(design, fit, rounding=rounding)
    jumps = _blamed(design, fit, fit.residuals > JUMP_SCALES * fit.scales)
    drops = _blamed(design, fit, (fit.residuals < -JUMP_SCALES * fit.scales) & (growth < 0))
    per_request = np.divide(1.0, requests, out=np.zeros(endpoints), where=requests > 0)
    jump = jumps.sum(axis=0) * per_request
    if isinstance(design, Solo):
        means = means_alone(design, fit, growth, time, rounding=rounding)
    else:
        jump_error = np.sqrt((jumps**2).sum(axis=0)) * per_request
        error = np.hypot(fit.errors[:endpoints], jump_error)
        means = Means(fit.slopes[:endpoints] + jump, error, fit.freedom[:endpoints])
    return Estimates(
        fit=fit,
        requests=requests,
        mean=means.mean,
        error=means.error,
        freedom=means.freedom,
        jump=jump,
        dropped=-drops.sum(axis=0),
        time=time,
    )


def _smooth(design: Design, growth: Floats, channel: Channel, noise: Noise) -> Estimates:
    """Jumps are in these slopes as all growth is: there is nothing beyond them."""
    endpoints = design.endpoints
    fit = gls_fit(design, growth, noise, rounding=_rounding(channel))
    slopes, errors, freedom = fit.slopes[:endpoints], fit.errors[:endpoints], fit.freedom[:endpoints]
    timed = len(fit.slopes) > endpoints
    drops = _blamed(design, fit, (fit.residuals < -JUMP_SCALES * fit.scales) & (growth < 0))
    return Estimates(
        fit=fit,
        requests=design.requests,
        mean=slopes,
        error=errors,
        freedom=freedom,
        jump=np.zeros(endpoints),
        dropped=-drops.sum(axis=0),
        time=TimeSlope(float(fit.slopes[-1]), float(fit.errors[-1]), float(fit.freedom[-1])) if timed else None,
    )


def _rounding(channel: Channel) -> float:
    """The standard deviation of what rounding makes of one window's growth."""
    return QUANTUM_BYTES[channel] / math.sqrt(12.0)


def _blamed(design: Design, fit: Fit, rows: Bools) -> Floats:
    """Residuals of `rows` by endpoint (rows, p): by what each is expected to have grown, or by its requests."""
    counts = design.counts(rows)
    growing = counts * np.maximum(fit.slopes[: design.endpoints], 0.0)
    expected = np.where(growing.any(axis=1, keepdims=True), growing, counts)
    total = expected.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(expected, total, out=np.zeros_like(expected), where=total > 0)
    return shares * fit.residuals[rows][:, None]
