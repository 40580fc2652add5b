"""Linear Backward Regression.

Jindal, Staab, Kulkarni, Cardoso, Gerndt, Podolskiy: "Memory Leak Detection Algorithms in the Cloud-based
Infrastructure", arXiv:2106.08938, 2021; their settings as in github.com/ansjin/memory_leak_detection.
"""

from __future__ import annotations

import math

from tests.benchmark.attribution.claims import Claim
from tests.benchmark.attribution.series import Series
from tests.benchmark.attribution.trends import straight_line

# The published settings: readings of five minutes, of which we make one reading of ours; and a limit in real time.
MIN_WINDOW_READINGS = 60
MIN_R2 = 0.8
CRITICAL_S = 7 * 86_400.0


def linear_backward_regression(alone: Series, limit_bytes: float) -> Claim:
    """Windows from the last reading backward, ever longer; a line is fitted to each.

    A leak where some line rises, fits with R² ≥ `MIN_R2`, and reaches the memory limit within the critical time. Its
    slope is the best fitting window's. Of a series shorter than two smallest windows, half is the smallest window.
    """
    if len(alone) < 4 or not alone.sent:
        return Claim(False, 0.0)
    step_s = alone.seconds / (len(alone) - 1)
    each = alone.sent / (len(alone) - 1)
    smallest = max(3, min(MIN_WINDOW_READINGS, len(alone) // 2))
    best_slope, best_r2 = 0.0, -math.inf
    for window in range(smallest, len(alone) + 1):
        readings = alone.resident_bytes[-window:]
        slope, r2 = straight_line(readings)
        if r2 >= MIN_R2 and r2 > best_r2 and reaches_limit(float(readings[-1]), slope, limit_bytes, step_s):
            best_slope, best_r2 = slope, r2
    return Claim(best_slope > 0, best_slope / each, cleared=best_slope <= 0)


def reaches_limit(now_bytes: float, slope_bytes: float, limit_bytes: float, step_s: float) -> bool:
    """Whether growth of `slope_bytes` every `step_s` is at the limit within the critical time."""
    return slope_bytes > 0 and (limit_bytes - now_bytes) / slope_bytes * step_s <= CRITICAL_S
