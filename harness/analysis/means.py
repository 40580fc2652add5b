"""What endpoints that were driven one at a time kept in all, and what grew by time alone.

The mean of an endpoint's windows is its whole growth over all its requests (a ratio estimator: W. G. Cochran, "Sampling
Techniques", 1977, chapter 6), so that jumps count as often as they came. Its error comes from its own windows and from
those of time; their degrees of freedom add up by Welch and Satterthwaite (Biometrics Bulletin 2, 1946).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from harness.analysis.columns import Floats
from harness.analysis.design import LARGEST_LEVERAGE, Design
from harness.analysis.regression import Fit
from harness.analysis.solo import Solo
from harness.analysis.student import t_quantile

# The noise of idle windows is taken to be that of all, unless theirs is surely smaller at this level.
SMALLER_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class TimeSlope:
    """Growth by time alone, bytes a second, with its standard error and degrees of freedom."""

    slope: float
    error: float
    freedom: float

    def lower(self, level: float) -> float:
        return self.slope - float(t_quantile(level, self.freedom)) * self.error

    def upper(self, level: float) -> float:
        return self.slope + float(t_quantile(level, self.freedom)) * self.error


@dataclass(frozen=True, slots=True)
class Means:
    """Of p endpoints: bytes a request, standard errors, degrees of freedom."""

    mean: Floats
    error: Floats
    freedom: Floats


def time_slope(design: Design, fit: Fit, *, rounding: float) -> TimeSlope | None:
    """By the idle windows, and windows of different sizes; None without idle ones.

    Windows of load vary at least as much as idle ones, and are many more: where the idle ones' own variance is not
    surely smaller, that of all windows stands for it, with its many degrees of freedom.
    """
    if len(fit.slopes) == design.endpoints:
        return None
    own = TimeSlope(float(fit.slopes[-1]), float(fit.errors[-1]), float(fit.freedom[-1]))
    if not isinstance(design, Solo) or design.time_s is None:
        return own
    idle = design.group == design.endpoints
    count = int(idle.sum())
    freedom = len(idle) - int(design.told.sum())
    of_load, of_idle = max(1, freedom - count + 1), max(1, count - 1)
    spread = float((fit.residuals[~idle] ** 2).sum()) / of_load + rounding**2
    idle_spread = float((fit.residuals[idle] ** 2).sum()) / of_idle + rounding**2
    surely_smaller = spread > idle_spread * special.fdtri(of_load, of_idle, SMALLER_LEVEL)
    if surely_smaller or idle_spread > spread:
        return own
    return TimeSlope(own.slope, float(np.sqrt(spread / design.time_information)), float(freedom))


def means_alone(design: Solo, fit: Fit, growth: Floats, time: TimeSlope | None, *, rounding: float) -> Means:
    """`rounding` (bytes) is the error of a window's growth that is there even where all windows are the same."""
    of_time = 0.0 if time is None or design.time_s is None else time.slope * design.time_s
    windows, requests = design.own[: design.endpoints], design.requests
    per_request = np.divide(1.0, requests, out=np.zeros_like(requests), where=requests > 0)
    mean = design.sums(growth - of_time) * per_request
    misfit = growth - design.predicted(np.append(mean, fit.slopes[design.endpoints :]) if time else mean)
    shares = np.append(per_request, 0.0)[design.group] * design.size
    squares = design.sums(misfit**2 / (1.0 - np.clip(shares, 0.0, LARGEST_LEVERAGE))) + windows * rounding**2
    own = squares * per_request**2
    squared = design.sums(design.size**2)
    freedom = np.maximum(1.0, requests**2 / np.maximum(squared, 1.0) - 1.0)
    beside = np.zeros_like(own)
    if time is not None and design.time_s is not None:
        beside = (design.sums(design.time_s) * per_request * time.error) ** 2
        lengths = design.sums(design.time_s)
        as_seen = _together(own, beside, freedom, time.freedom)
        by_design = _together(windows, lengths**2 / design.time_information, freedom, time.freedom)
        freedom = np.minimum(as_seen, by_design)
    few = windows < 2
    return Means(
        mean=mean,
        error=np.where(few, fit.errors[: design.endpoints], np.sqrt(own + beside)),
        freedom=np.where(few, 1.0, freedom),
    )


def _together(own: Floats, beside: Floats, own_freedom: Floats, freedom: float) -> Floats:
    """Degrees of freedom of a sum of two variances.

    Of variances as they were seen it is too many where the own one, of few windows, came out small by chance, which
    tells in the far tails; of variances as the design has them it isn't.
    """
    parts = own**2 / own_freedom + beside**2 / freedom
    return np.asarray(np.maximum(1.0, (own + beside) ** 2 / np.maximum(parts, 1e-300)))
