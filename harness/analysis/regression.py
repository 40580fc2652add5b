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

from harness.analysis.student import t_quantile
from harness.analysis.windows import Bools, Floats

HUBER_K = 1.345
MAD_TO_SIGMA = 1.4826
MAX_ITERATIONS = 60
LARGEST_LEVERAGE = 0.9


@dataclass(frozen=True, slots=True)
class Fit:
    """Slopes (p,), their covariance (p, p) and degrees of freedom (p,), residuals and scales (n,) in y's unit."""

    slopes: Floats
    covariance: Floats
    freedom: Floats
    residuals: Floats
    scales: Floats

    @property
    def errors(self) -> Floats:
        return np.sqrt(np.clip(np.diag(self.covariance), 0.0, None))

    def lower(self, level: float) -> Floats:
        """One-sided lower limits: each slope is above it with probability `level`."""
        return np.asarray(self.slopes - t_quantile(level, self.freedom) * self.errors)

    def upper(self, level: float) -> Floats:
        return np.asarray(self.slopes + t_quantile(level, self.freedom) * self.errors)


def robust_fit(design: Floats, growth: Floats, *, floor: float) -> Fit:
    """Slopes of `growth` (n,) on the columns of `design` (n, p).

    `floor` (y's unit) is the channel's quantum: its rounding is there even where all residuals are zero.
    Columns that are empty, or that the design cannot tell apart, come out as zero with an infinite error.
    Raises ValueError where no column remains, or fewer windows than columns.
    """
    told = _identifiable(design)
    n, p = len(growth), int(told.sum())
    if n <= p or not p:
        raise ValueError(f"{n} windows cannot tell {p} columns apart")
    kept = design[:, told]
    slopes = _huber(kept, growth, floor)
    residuals = growth - kept @ slopes
    scales = _scales(kept, residuals, floor)
    fit = Fit(
        slopes=np.zeros(design.shape[1]),
        covariance=np.diag(np.where(told, 0.0, np.inf)),
        freedom=np.maximum(1.0, np.minimum(_own_rows(design).sum(axis=0) - 1.0, n - p)),
        residuals=residuals,
        scales=scales,
    )
    fit.slopes[told] = slopes
    fit.covariance[np.ix_(told, told)] = _sandwich(kept, residuals, scales, floor)
    return fit


def _identifiable(design: Floats) -> Bools:
    """Columns with no part in the null space of the design."""
    norms = np.linalg.norm(design, axis=0)
    scaled = design / np.where(norms > 0, norms, 1.0)
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    null = vectors[:, values < 1e-10 * max(1.0, values.max(initial=0.0))]
    return np.asarray((norms > 0) & (np.linalg.norm(null, axis=1) < 1e-6))


def _huber(design: Floats, growth: Floats, floor: float) -> Floats:
    slopes = _least_absolute(design, growth, floor)
    reach = np.abs(design).max(axis=0)
    for _ in range(MAX_ITERATIONS):
        residuals = growth - design @ slopes
        scales = _scales(design, residuals, floor)
        weights = HUBER_K * scales / np.maximum(np.abs(residuals), HUBER_K * scales) / scales**2
        previous, slopes = slopes, _weighted(design, growth, weights)
        if np.max(np.abs(slopes - previous) * reach) < 1e-6 * floor:
            break
    return slopes


def _weighted(design: Floats, growth: Floats, weights: Floats) -> Floats:
    root = np.sqrt(weights)
    return np.asarray(np.linalg.lstsq(design * root[:, None], growth * root, rcond=None)[0], dtype=float)


def _least_absolute(design: Floats, growth: Floats, floor: float) -> Floats:
    slopes = _weighted(design, growth, np.ones(len(growth)))
    for _ in range(MAX_ITERATIONS):
        slopes = _weighted(design, growth, 1.0 / np.maximum(np.abs(growth - design @ slopes), floor))
    return slopes


def _own_rows(design: Floats) -> Bools:
    """(n, p): the windows that tell of each column: where it is on; of one that always is, as time, where it is alone.

    Idle windows vary by the reading's noise, not with their size as windows of load do.
    """
    on = design != 0
    alone = on & (on.sum(axis=1) == 1)[:, None]
    return np.asarray(np.where(on.all(axis=0) & alone.any(axis=0), alone, on))


def _scales(design: Floats, residuals: Floats, floor: float) -> Floats:
    """Each window's scale: the largest of its columns' (median absolute residual of the windows they are on in).

    It grows with the root of the window's size: jumps come at random among requests. What idle windows vary by is in
    every window as it is.
    """
    on, own = design != 0, _own_rows(design)
    whole = np.abs(design).sum(axis=1, keepdims=True)
    sizes = np.sqrt(np.maximum(np.where((on == own).all(axis=0), whole, np.abs(design)), 1.0))
    relative = np.abs(residuals)[:, None] / sizes
    by_column = np.array([np.median(values[rows]) for values, rows in zip(relative.T, own.T, strict=True)])
    return np.asarray(np.maximum(MAD_TO_SIGMA * np.max(np.where(on, by_column * sizes, 0.0), axis=1), floor))


def _sandwich(design: Floats, residuals: Floats, scales: Floats, floor: float) -> Floats:
    scaled = design / scales[:, None]
    bread = np.linalg.pinv(scaled.T @ (scaled * _kept_share(design, residuals, scales)[:, None]))
    hat = np.einsum("ij,jk,ik->i", scaled, np.linalg.pinv(scaled.T @ scaled), scaled)
    leverage = np.clip(hat, 0.0, LARGEST_LEVERAGE)
    score = np.clip(residuals, -HUBER_K * scales, HUBER_K * scales) / (1.0 - leverage)
    rounding = floor / math.sqrt(12)
    weighted = scaled * (np.hypot(score, rounding) / scales)[:, None]
    return np.asarray(bread @ (weighted.T @ weighted) @ bread)


def _kept_share(design: Floats, residuals: Floats, scales: Floats) -> Floats:
    """For each window the share of unclipped residuals among the windows of its columns: psi' of Huber, averaged."""
    kept = (np.abs(residuals) <= HUBER_K * scales).astype(float)
    on = (design != 0).astype(float)
    by_column = (on * kept[:, None]).sum(axis=0) / on.sum(axis=0)
    return np.asarray(on @ by_column / np.maximum(on.sum(axis=1), 1.0))
