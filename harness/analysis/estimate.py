"""Growth of one channel per request of each endpoint, with limits, and what speaks against calling it a leak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.analysis.regression import Fit, robust_fit
from harness.analysis.student import t_quantile, t_tail
from harness.analysis.windows import Bools, Floats, WindowTable
from harness.model.verdict import Channel

JUMP_SCALES = 6.0
POWER = 0.8

# The rounding of one window's reading: a zval slot of ZendMM, two pages of the kernel's batched counters.
QUANTUM_BYTES: dict[Channel, float] = {"php_heap": 16.0, "anon": 8192.0, "private_dirty": 8192.0, "rss": 8192.0}


@dataclass(frozen=True, slots=True)
class Estimates:
    """Of p endpoints, in bytes a request unless said otherwise.

    `mean` is the steady slope plus the share of upward jumps (`jump`, the doublings of the array that holds a leak);
    `error` its standard error. `dropped` (bytes) was given back in sudden falls of the level. `time_slope` (bytes/s)
    comes from the idle windows and is None without any.
    """

    fit: Fit
    requests: Floats
    jump: Floats
    error: Floats
    dropped: Floats
    time_slope: float | None

    @property
    def mean(self) -> Floats:
        return self._slopes + self.jump

    @property
    def freedom(self) -> Floats:
        return self.fit.freedom[: len(self.requests)]

    def lower(self, level: float) -> Floats:
        """The higher of two limits, each at half the error: of the mean, and of the slope that jumps only add to."""
        quantiles = t_quantile(np.where(self.jump > 0, (1.0 + level) / 2.0, level), self.freedom)
        of_slope = self._slopes - quantiles * self._slope_errors
        return np.asarray(np.maximum(self.mean - quantiles * self.error, of_slope))

    def upper(self, level: float) -> Floats:
        return np.asarray(self.mean + t_quantile(level, self.freedom) * self.error)

    def p_above(self, bound: float) -> Floats:
        """One-sided p-values of "grows by no more than `bound` bytes a request", by the limits of `lower`."""
        with np.errstate(invalid="ignore"):
            t = np.maximum((self.mean - bound) / self.error, (self._slopes - bound) / self._slope_errors)
        p_values = t_tail(np.where(np.isfinite(t), t, 0.0), self.freedom)
        return np.asarray(np.minimum(1.0, np.where(self.jump > 0, 2.0, 1.0) * p_values))

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


def usable_rows(table: WindowTable, channel: Channel) -> Bools:
    return ~table.broken & ~table.mix & np.isfinite(table.growth[channel])


def estimate(table: WindowTable, channel: Channel) -> Estimates:
    """Fits the rows of `table`. Raises ValueError where there are too few windows."""
    endpoints = len(table.endpoints)
    idle = table.requests.sum(axis=1) == 0
    design = np.column_stack([table.requests, table.duration_s]) if idle.any() else table.requests
    fit = robust_fit(design, table.growth[channel], floor=QUANTUM_BYTES[channel])
    requests = table.requests.sum(axis=0)
    per_request = np.divide(1.0, requests, out=np.zeros(endpoints), where=requests > 0)
    blame = _blame(table.requests, fit.slopes[:endpoints])
    jumps = blame * np.where(fit.residuals > JUMP_SCALES * fit.scales, fit.residuals, 0.0)[:, None]
    fell = (fit.residuals < -JUMP_SCALES * fit.scales) & (table.growth[channel] < 0)
    drops = blame * np.where(fell, -fit.residuals, 0.0)[:, None]
    jump_error = np.sqrt((jumps**2).sum(axis=0)) * per_request
    return Estimates(
        fit=fit,
        requests=requests,
        jump=jumps.sum(axis=0) * per_request,
        error=np.hypot(fit.errors[:endpoints], jump_error),
        dropped=drops.sum(axis=0),
        time_slope=float(fit.slopes[endpoints]) if idle.any() else None,
    )


def _blame(requests: Floats, slopes: Floats) -> Floats:
    """Shares (n, p) of a window's jump: by what each endpoint is expected to have grown in it, or by its requests."""
    growing = requests * np.maximum(slopes, 0.0)
    expected = np.where(growing.any(axis=1, keepdims=True), growing, requests)
    total = expected.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(expected, total, out=np.zeros_like(expected), where=total > 0)
    return shares
