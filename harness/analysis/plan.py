"""Before a run: the smallest leak that a design can see over a noise, and the budget that a leak asks for.

The error of an endpoint's slope follows from its windows' noise and their number, and the smallest leak from that error
and the test that `decide` makes of it: Bloom, "Minimum Detectable Effects", Evaluation Review 19, 1995.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.analysis.decide import Settings
from harness.analysis.estimate import JUMP_SCALES, POWER, QUANTUM_BYTES
from harness.analysis.regression import MAD_TO_SIGMA
from harness.analysis.student import t_quantile
from harness.analysis.windows import Floats
from harness.model.verdict import Channel

# What a robust fit loses against least squares in its standard error, and the later half asks for beside the whole.
ROBUSTNESS = 1.2
# Two windows of an endpoint are the fewest that have a later half.
FEWEST_WINDOWS = 2.0
LONGEST_BUDGET_S = 1e9
LONGEST_LAG = 4
FEWEST_DIFFERENCES = 4

DesignKind = Literal["blocks", "level", "soak"]


@dataclass(frozen=True, slots=True)
class Noise:
    """Of the sum of a channel's readings: `white_bytes` of each, and a random walk in bytes per root of a second."""

    white_bytes: float
    walk_bytes_per_sqrt_s: float = 0.0

    def variance(self, apart_s: float) -> float:
        """Of the difference of two readings, in bytes squared."""
        return 2.0 * self.white_bytes**2 + self.walk_bytes_per_sqrt_s**2 * apart_s


@dataclass(frozen=True, slots=True)
class Layout:
    """How windows are laid out over `endpoints`.

    `requests` a window, which takes `window_s` and `gap_s` to settle and sample. `idle` windows come with each block.
    "level" windows end with some requests of all endpoints, and all of them tell of each other's noise.
    `driven` of the endpoints have windows of their own (0: all), the others are cleared in groups.
    `smallest_share` of the requests of a soak's windows is the rarest endpoint's.
    """

    kind: DesignKind
    channel: Channel
    endpoints: int
    requests: int
    window_s: float
    gap_s: float
    idle: int = 1
    smallest_share: float = 1.0
    driven: int = 0

    @property
    def spacing_s(self) -> float:
        return self.window_s + self.gap_s

    @property
    def round_s(self) -> float:
        """What one more window of each endpoint takes."""
        return (1 if self.kind == "soak" else (self.driven or self.endpoints) + self.idle) * self.spacing_s

    def windows(self, time_s: float) -> float:
        """Windows of each endpoint in so much time; part of one counts as a part."""
        return max(0.0, time_s / self.round_s)

    def relative_variance(self, windows: float) -> float:
        """Variance of a slope, of the rarest endpoint's in a soak, in parts of a window's by itself.

        A slope is measured against the idle windows' growth by time. A soak has none, and counts that are multinomial,
        whose inverse second moments are (diag(1/share) - (n-1)/n) / n for n requests a window (Sherman and Morrison).
        """
        if self.kind == "soak":
            return (self.requests / self.smallest_share - (self.requests - 1)) / windows
        return 1.0 / windows + 1.0 / (self.idle * windows)

    def freedom(self, windows: float) -> float:
        """Of the endpoint's own windows and of all, for growth by time, by Welch and Satterthwaite, as in `means`."""
        if self.kind == "soak":
            return windows - self.endpoints
        if windows <= 1.0:
            return 0.0
        idle = self.idle * windows
        if self.kind == "level":
            return self.endpoints * (windows - 1.0) + idle - 1.0
        of_all = windows - 1.0 + self.endpoints * (windows - 1.0)
        parts = 1.0 / windows**2 / max(1.0, windows - 1.0) + 1.0 / idle**2 / max(1.0, of_all)
        return self.relative_variance(windows) ** 2 / parts


def smallest_margin(layout: Layout, noise: Noise, settings: Settings, time_s: float) -> float:
    """Bytes a request above the threshold from which on a leak is called one, four times out of five, in `time_s`.

    SE = sqrt((2s² + q²w)(1 + 1/n0)) / (requests a window) / sqrt(windows); (t(1 - α/(N·looks)) + t(power)) · SE, and
    a tenth more for robustness.
    The rounding of the channel's readings is a noise too, and what is smaller than it in a whole window isn't seen.
    Infinite where the time is too short for any answer.
    """
    windows = layout.windows(time_s)
    freedom = layout.freedom(windows)
    if windows < FEWEST_WINDOWS or freedom < 1.0:
        return math.inf
    quantum = QUANTUM_BYTES[layout.channel]
    window_bytes = math.sqrt(noise.variance(layout.spacing_s) + quantum**2 / 12.0)
    error = window_bytes * math.sqrt(layout.relative_variance(windows)) / layout.requests
    level = 1.0 - settings.alpha / layout.endpoints
    quantiles = float(t_quantile(level, freedom)) + float(t_quantile(POWER, freedom))
    return max(ROBUSTNESS * quantiles * error, quantum / layout.requests)


def time_for(layout: Layout, noise: Noise, settings: Settings, margin_bytes: float) -> float | None:
    """Seconds of windows after which `smallest_margin` is `margin_bytes`; None where no time is enough."""
    low_s, high_s = 0.0, layout.round_s
    while smallest_margin(layout, noise, settings, high_s) > margin_bytes:
        low_s, high_s = high_s, 2.0 * high_s
        if high_s > LONGEST_BUDGET_S:
            return None
    while high_s - low_s > 1e-6 * high_s:
        middle_s = (low_s + high_s) / 2.0
        seen = smallest_margin(layout, noise, settings, middle_s) <= margin_bytes
        low_s, high_s = (low_s, middle_s) if seen else (middle_s, high_s)
    return high_s


def noise_of(growth: Floats, apart_s: float, quantum_bytes: float) -> Noise | None:
    """The noise of a channel that grew by `growth` (n,) in windows `apart_s` long, all of the same load.

    Method of moments: over k windows, growth beyond the steady one has the variance 2s² + k·q²·apart. What the analysis
    takes for jumps, like the doublings of an array, is left out. None where there are too few windows.
    """
    known = growth[np.isfinite(growth)]
    if len(known) < FEWEST_DIFFERENCES:
        return None
    beyond = _without_jumps(known - np.median(known), quantum_bytes)
    lags = range(1, 1 + min(LONGEST_LAG, len(beyond) // 2))
    variances = [float(np.mean(_over(beyond, lag) ** 2)) for lag in lags]
    steepness = float(np.polyfit(list(lags), variances, 1)[0]) if len(variances) > 1 else 0.0
    walk = min(max(0.0, steepness), variances[0])
    return Noise(math.sqrt((variances[0] - walk) / 2.0), math.sqrt(walk / apart_s))


def noisier(noises: Sequence[Noise], apart_s: float) -> Noise:
    """The one whose windows vary most."""
    return max(noises, key=lambda noise: noise.variance(apart_s))


def _without_jumps(beyond: Floats, quantum_bytes: float) -> Floats:
    scale = max(MAD_TO_SIGMA * float(np.median(np.abs(beyond))), quantum_bytes)
    small = np.abs(beyond) <= JUMP_SCALES * scale
    return np.where(small, beyond - beyond[small].mean(), 0.0)


def _over(beyond: Floats, lag: int) -> Floats:
    """Growth over each `lag` windows in a row."""
    levels = np.concatenate([[0.0], np.cumsum(beyond)])
    return np.asarray(levels[lag:] - levels[:-lag])
