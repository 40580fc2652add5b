"""Robust linear regression of window growth on what was sent.

Huber's M-estimator (P. J. Huber, "Robust Estimation of a Location Parameter", Ann. Math. Statist. 35, 1964) started
from least absolute deviations, with a scale of its own for each column, since windows of a leaking endpoint vary more
than idle ones. Its covariance is the sandwich with the HC3 leverage correction (MacKinnon & White, J. Econometrics
29, 1985). The heavy tail it is made for is the doubling of the array that holds a leak.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.analysis.columns import Floats
from harness.analysis.design import LARGEST_LEVERAGE, Design, matrix_design
from harness.analysis.numbers import median
from harness.analysis.student import t_quantile

HUBER_K = 1.345
MAD_TO_SIGMA = 1.4826
MAX_ITERATIONS = 60
# The scales settle within these iterations; kept from then on, the rest is a convex problem.
SCALE_ITERATIONS = 4


@dataclass(frozen=True, slots=True)
class Fit:
    """Slopes (p,), their standard errors (p,) and degrees of freedom (p,), residuals and scales (n,) in y's unit."""

    slopes: Floats
    errors: Floats
    freedom: Floats
    residuals: Floats
    scales: Floats

    def lower(self, level: float) -> Floats:
        """One-sided lower limits: each slope is above it with probability `level`."""
        return np.asarray(self.slopes - t_quantile(level, self.freedom) * self.errors)

    def upper(self, level: float) -> Floats:
        return np.asarray(self.slopes + t_quantile(level, self.freedom) * self.errors)


def robust_fit(design: Design | Floats, growth: Floats, *, floor: float, alike: bool = False) -> Fit:
    """Slopes of `growth` (n,) on the columns of `design` (n, p).

    `floor` (y's unit) is the channel's quantum: its rounding is there even where all residuals are zero.
    `alike`: all windows are off by as much, whatever was driven in them, so that each tells of the others' noise.
    Columns that are empty, or that the design cannot tell apart, come out as zero with an infinite error.
    Raises ValueError where no column remains, or fewer windows than columns.
    """
    if isinstance(design, np.ndarray):
        design = matrix_design(design)
    n, p = len(growth), int(design.told.sum())
    if n <= p or not p:
        raise ValueError(f"{n} windows cannot tell {p} columns apart")
    slopes, scales = _huber(design, growth, floor)
    residuals = growth - design.predicted(slopes)
    return Fit(
        slopes=slopes,
        errors=(_errors_alike if alike else _errors)(design, residuals, scales, floor),
        freedom=np.full(len(slopes), n - p, dtype=float) if alike else _freedom(design, n - p),
        residuals=residuals,
        scales=scales,
    )


def _freedom(design: Design, most: int) -> Floats:
    return np.asarray(np.maximum(1.0, np.minimum(design.own - 1.0, most)))


def _huber(design: Design, growth: Floats, floor: float) -> tuple[Floats, Floats]:
    slopes = design.start(growth / floor) * floor
    predicted = design.predicted(slopes)
    scales = _scales(design, growth - predicted, floor)
    for iteration in range(MAX_ITERATIONS):
        residuals = np.abs(growth - predicted)
        if iteration < SCALE_ITERATIONS:
            scales = _scales(design, residuals, floor)
        reach = HUBER_K * scales
        slopes = design.weighted(growth, reach / np.maximum(residuals, reach) / scales**2)
        previous, predicted = predicted, design.predicted(slopes)
        if np.max(np.abs(predicted - previous)) < 1e-6 * floor:
            break
    return slopes, _scales(design, growth - predicted, floor)


def _scales(design: Design, residuals: Floats, floor: float) -> Floats:
    return np.asarray(np.maximum(MAD_TO_SIGMA * design.scales(residuals), floor))


def _errors(design: Design, residuals: Floats, scales: Floats, floor: float) -> Floats:
    reach = HUBER_K * scales
    kept = design.means((np.abs(residuals) <= reach).astype(float))
    leverage = np.clip(design.leverage(scales), 0.0, LARGEST_LEVERAGE)
    score = np.clip(residuals, -reach, reach) / (1.0 - leverage)
    rounding = floor / math.sqrt(12)
    return design.errors(kept / scales**2, (score**2 + rounding**2) / scales**4)


def _errors_alike(design: Design, residuals: Floats, scales: Floats, floor: float) -> Floats:
    """The larger of two: by the noise of most windows, and by that of the windows that tell of the very column.

    A leak's windows are noisier than most, by what its arrays' doublings leave free.
    """
    reach = HUBER_K * scales
    bread = np.mean(np.abs(residuals) <= reach) / scales**2
    squares = np.clip(residuals, -reach, reach) ** 2
    lost = len(squares) / (len(squares) - float(design.told.sum()))
    of_most = (MAD_TO_SIGMA * median(np.abs(residuals))) ** 2 * lost
    of_all = np.full(len(squares), max(of_most, floor**2 / 12.0))
    leverage = np.clip(design.leverage(scales), 0.0, LARGEST_LEVERAGE)
    by_column = design.errors(bread, squares / (1.0 - leverage) / scales**4)
    return np.maximum(by_column, design.errors(bread, of_all / scales**4))
