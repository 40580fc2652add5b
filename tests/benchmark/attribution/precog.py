"""Precog: trends between change points, compared with the trends of the past.

Jindal, Staab, Cardoso, Gerndt, Podolskiy: "Online Memory Leak Detection in the Cloud-Based Infrastructures", ICSOC 2020
Workshops, LNCS 12632 (arXiv:2101.09799); settings as in github.com/ansjin/memory_leak_detection. Change points by the
modified z-score: Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tests.benchmark.attribution.claims import Claim
from tests.benchmark.attribution.lbr import MIN_R2, reaches_limit
from tests.benchmark.attribution.series import Floats, Series
from tests.benchmark.attribution.trends import straight_line

# An hour and six hours of readings of five minutes. That memory has to be used by 40% is left out: nothing were found.
SMOOTHED_READINGS = 12
MIN_TREND_READINGS = 72
CHANGE_Z = 3.5


@dataclass(frozen=True, slots=True)
class Trend:
    """`slope_bytes` a reading, over `readings` of them."""

    slope_bytes: float
    readings: int
    r2: float

    def exceeds(self, other: Trend) -> bool:
        return self.slope_bytes >= other.slope_bytes and self.readings >= other.readings


def precog(alone: Series, before: Series, limit_bytes: float) -> Claim:
    """A leak where a window that ends now has a critical trend, steeper and longer than one seen `before`.

    `before` is the same endpoint's memory before it leaked. A series shorter than two of the shortest trends has half
    of itself as the shortest trend.
    """
    if len(alone) < 4 or not alone.sent:
        return Claim(False, 0.0)
    shortest = max(3, min(MIN_TREND_READINGS, len(alone) // 2))
    learnt = learn(smoothed(before.resident_bytes), shortest, limit_bytes, _step_s(before))
    now = smoothed(alone.resident_bytes)
    ends = change_points(now, shortest)
    step_s = _step_s(alone)
    found: Trend | None = None
    for start in reversed(ends[:-1]):
        trend = _trend(now[start:], shortest)
        critical = trend is not None and reaches_limit(float(now[-1]), trend.slope_bytes, limit_bytes, step_s)
        new = critical and trend is not None and (not learnt or any(trend.exceeds(known) for known in learnt))
        if new and trend is not None and (found is None or trend.exceeds(found)):
            found = trend
    each = alone.sent / (len(alone) - 1)
    return Claim(found is not None, found.slope_bytes / each if found else 0.0, cleared=found is None)


def learn(levels: Floats, shortest: int, limit_bytes: float, step_s: float) -> list[Trend]:
    """The critical trends of the past, the best from each change point on; one that goes on at the end is left out."""
    ends = change_points(levels, shortest)
    learnt = []
    for place, start in enumerate(ends):
        best: Trend | None = None
        stop = 0
        for end in ends[place + 1 :]:
            trend = _trend(levels[start:end], shortest)
            if trend and trend.slope_bytes > 0 and (best is None or (trend.r2 >= best.r2 and trend.exceeds(best))):
                best, stop = trend, end
        if (
            best
            and stop < len(levels)
            and reaches_limit(float(levels[stop - 1]), best.slope_bytes, limit_bytes, step_s)
        ):
            learnt.append(best)
    return learnt


def change_points(levels: Floats, apart: int) -> list[int]:
    """Beginning, end, and where the level changes by far more than it does usually, at least `apart` readings apart."""
    changes = np.abs(np.diff(levels))
    if not len(changes):
        return [0, len(levels)]
    away = changes - np.median(changes)
    spread = float(np.median(np.abs(away)))
    far = np.abs(away) * 0.6745 > CHANGE_Z * spread if spread else away != 0
    points = [0]
    for place in np.flatnonzero(far) + 1:
        if place - points[-1] >= apart:
            points.append(int(place))
    return [*points, len(levels)]


def smoothed(levels: Floats) -> Floats:
    """The running median of the last readings."""
    first = [np.median(levels[: place + 1]) for place in range(min(SMOOTHED_READINGS - 1, len(levels)))]
    if len(levels) < SMOOTHED_READINGS:
        return np.array(first)
    return np.concatenate([first, np.median(sliding_window_view(levels, SMOOTHED_READINGS), axis=1)])


def _trend(levels: Floats, shortest: int) -> Trend | None:
    if len(levels) < shortest:
        return None
    slope, r2 = straight_line(levels)
    return Trend(slope, len(levels), r2) if r2 > MIN_R2 else None


def _step_s(series: Series) -> float:
    return series.seconds / (len(series) - 1) if len(series) > 1 else 0.0
