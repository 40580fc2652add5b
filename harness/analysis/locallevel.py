"""Generalised least squares for a level that walks and is read with noise.

The local-level model (A. C. Harvey, "Forecasting, Structural Time Series Models and the Kalman Filter", 1989, section
2.2): memory does a random walk of variance q² a second, and each reading of it errs by s. Differences of readings have
the covariance q² diag(seconds) + s² tridiag(-1, 2, -1), as neighbours share a reading. It is factored as a band, which
is exact for windows of any lengths and for recordings with gaps. How likely each ratio of the two is, the restricted
likelihood says (H. D. Patterson and R. Thompson, Biometrika 58, 1971). Estimates are averaged over the ratios by that
(J. O. Berger, B. Liseo and R. L. Wolpert, Statistical Science 14, 1999): few windows hardly tell it, and the likeliest
alone gives limits that are too narrow.

The noise is taken to be smooth, and the same whoever is driven. Where it is, limits are narrower than those of the
robust fit; where arrays double, caches fill or pages are counted, they hold too seldom or are wider.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from harness.analysis.columns import Bools, Floats
from harness.analysis.design import Design
from harness.analysis.regression import Fit

# Of the walk's variance in a window to that of its two readings: in steps between which little changes.
RATIOS = np.logspace(-4.0, 4.0, 17)
# What is less likely than the likeliest by this factor is left out.
UNLIKELY = 1e-4


@dataclass(frozen=True, slots=True)
class LocalLevel:
    """The covariance of n windows, but for a factor, if the ratio is a certain one: `weight` says how likely it is.

    `band` (2, n) is its Cholesky factor, the diagonal and what is below it; `spread` (n,) are standard deviations.
    """

    band: Floats
    spread: Floats
    weight: float = 1.0

    def whitened(self, values: Floats) -> Floats:
        """`values` (n,) or (n, p) as if all windows had the variance 1 and none depended on another."""
        return np.asarray(linalg.solve_banded((1, 0), self.band, values, check_finite=False))

    @property
    def log_determinant(self) -> float:
        return float(2.0 * np.log(self.band[0]).sum())


def level_of(ratio: float, lasted_s: Floats, linked: Bools) -> LocalLevel:
    """Of windows of `lasted_s` (n,) seconds; `linked` (n - 1,) where one begins with the reading that ended the last.

    `ratio`: of the walk's variance in a window of mean length to that of two readings, which sum up to 1.
    """
    reading = 1.0 / (1.0 + ratio)
    variances = reading + (1.0 - reading) * lasted_s / lasted_s.mean()
    below = np.append(np.where(linked, -reading / 2.0, 0.0), 0.0)
    band = linalg.cholesky_banded(np.vstack([variances, below]), lower=True, check_finite=False)
    return LocalLevel(np.asarray(band), np.sqrt(variances))


def likely_levels(
    design: Design, growth: Floats, lasted_s: Floats, linked: Bools, *, rounding: float
) -> tuple[LocalLevel, ...]:
    """The likely ones for `growth` (n,), whatever the slopes are; their weights sum up to 1.

    `rounding` as in `gls_fit`. Takes time with windows x columns². Raises ValueError where there are no more windows
    than columns.
    """
    columns = _columns(design, len(growth))
    freedom = len(growth) - columns.shape[1]
    levels = [level_of(float(ratio), lasted_s, linked) for ratio in RATIOS]
    logs = np.array([_log_likelihood(level, columns, growth, freedom * rounding**2) for level in levels])
    weights = np.exp(logs - logs.max())
    weights[weights < UNLIKELY] = 0.0
    weights /= weights.sum()
    return tuple(replace(level, weight=float(w)) for level, w in zip(levels, weights, strict=True) if w > 0)


def gls_fit(design: Design, growth: Floats, levels: Sequence[LocalLevel], *, rounding: float) -> Fit:
    """Slopes of `growth` (n,) with their standard errors, the means over `levels`, how far these differ included.

    `rounding` (bytes) is the error of a window's growth that is there even where all residuals are zero. Columns that
    the design cannot tell apart come out as zero with an infinite error. Raises ValueError as `likely_levels`.
    """
    told, columns = design.told, _columns(design, len(growth))
    left = len(growth) - columns.shape[1]
    fits = [_least_squares(level, columns, growth) for level in levels]
    weights = np.array([level.weight for level in levels])
    variances = np.array([fitted.squares / left for fitted in fits]) + rounding**2
    each = np.array([fitted.slopes for fitted in fits])
    mean = weights @ each
    own = (weights * variances) @ np.array([fitted.information for fitted in fits])
    slopes, errors = np.zeros(len(told)), np.full(len(told), np.inf)
    slopes[told] = mean
    errors[told] = np.sqrt(own + weights @ (each - mean) ** 2)
    return Fit(
        slopes=slopes,
        errors=errors,
        # A single window tells no error of its own, whatever that of the others is.
        freedom=np.where(design.own < 2, 1.0, float(left)),
        residuals=growth - columns @ mean,
        scales=np.sqrt((weights * variances) @ np.array([level.spread**2 for level in levels])),
    )


@dataclass(frozen=True, slots=True)
class _Fitted:
    """`information` (p,): the diagonal of (X' V^-1 X)^-1; `log_determinant` of what it is the inverse of."""

    slopes: Floats
    information: Floats
    log_determinant: float
    squares: float


def _least_squares(level: LocalLevel, columns: Floats, growth: Floats) -> _Fitted:
    whitened, white = level.whitened(columns), level.whitened(growth)
    orthogonal, upper = np.linalg.qr(whitened)
    slopes = linalg.solve_triangular(upper, orthogonal.T @ white, check_finite=False)
    inverse = linalg.solve_triangular(upper, np.eye(len(upper)), check_finite=False)
    return _Fitted(
        slopes=np.asarray(slopes),
        information=np.asarray((inverse**2).sum(axis=1)),
        log_determinant=2.0 * float(np.log(np.abs(np.diag(upper))).sum()),
        squares=float(((white - whitened @ slopes) ** 2).sum()),
    )


def _log_likelihood(level: LocalLevel, columns: Floats, growth: Floats, floor: float) -> float:
    """Restricted, with the factor of the covariance at its best; `floor` is added to the squares."""
    fitted = _least_squares(level, columns, growth)
    freedom = len(growth) - columns.shape[1]
    of_squares = freedom * float(np.log(fitted.squares + floor))
    return -0.5 * float(level.log_determinant + fitted.log_determinant + of_squares)


def _columns(design: Design, windows: int) -> Floats:
    """The columns (n, p) that the windows tell apart. Raises ValueError where no window is left to tell the noise."""
    columns = design.counts(np.ones(windows, dtype=bool))
    if design.time_s is not None:
        columns = np.column_stack([columns, design.time_s])
    told = columns[:, design.told]
    if windows <= told.shape[1] or not told.shape[1]:
        raise ValueError(f"{windows} windows cannot tell {told.shape[1]} columns apart")
    return told
