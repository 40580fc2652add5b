"""Growth of memory against requests, out of a monitoring system's means of minutes.

Differences from point to point are regressed on the requests between them, never levels: a regression of levels finds
growth in every random walk. Noise of single readings makes neighbouring differences go against each other, and limits
from their spread are then too wide rather than too narrow; means of a random walk make them go together by a quarter
(H. Working, Econometrica 28, 1960), for which the limits are widened. What a metric is rounded to is added to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness.model.remote import TrendAnswer

Floats = NDArray[np.float64]

# Half as many in the later half: fewer say nothing with any confidence.
FEWEST_DIFFERENCES: Final = 12
# Rates have to vary by this share of their mean to tell growth with requests from growth with time.
VARIED_SHARE: Final = 0.2
# Over few minutes the correlation of neighbours is known badly; from here on it is no noise any more.
MOST_TOGETHER: Final = 0.9
# A process that was replaced takes less than this share of what the one before had.
RESTARTED_SHARE: Final = 0.7


class Level(NamedTuple):
    """`requests`: all until then."""

    at_s: float
    size_bytes: float
    requests: float


class Slope(NamedTuple):
    """Bytes a request with two-sided limits, and bytes a second where that can be told apart."""

    bytes_per_request: float
    low: float
    high: float
    bytes_per_second: float | None


class Trend(NamedTuple):
    answer: TrendAnswer
    slope: Slope | None
    quantum_bytes: float
    restarts: int


def trend_of(levels: Sequence[Level], threshold_bytes: float, confidence: float, unit_bytes: float = 1.0) -> Trend:
    """What the levels, in the order of their time, say at this confidence; `unit_bytes` is one unit of the metric."""
    steps = np.diff(np.array(levels, dtype=float).reshape(-1, 3), axis=0)
    restarted = _restarted(levels)
    quantum_bytes = _quantum(levels, unit_bytes)
    kept = steps[~restarted]
    whole = _slope(kept, confidence, quantum_bytes) if len(kept) >= FEWEST_DIFFERENCES else None
    later = _slope(kept[len(kept) // 2 :], confidence, quantum_bytes) if whole is not None else None
    answer = _answer(whole, later, threshold_bytes)
    if answer == "unclear" and later is not None and later.high < threshold_bytes:
        # What grows and then stops makes neighbours go together: here that is the finding, and no noise.
        grown = _slope(kept, confidence, quantum_bytes, widened=False)
        answer = "stopped" if grown is not None and grown.low > threshold_bytes else answer
    return Trend(answer, whole, quantum_bytes, int(restarted.sum()))


def _answer(whole: Slope | None, later: Slope | None, threshold_bytes: float) -> TrendAnswer:
    if whole is None or later is None:
        return "unclear"
    if whole.high < threshold_bytes:
        return "flat"
    return "grows" if min(whole.low, later.low) > threshold_bytes else "unclear"


def _slope(steps: Floats, confidence: float, quantum_bytes: float, *, widened: bool = True) -> Slope | None:
    """By least squares; None where there were no requests, or no more differences than unknowns."""
    seconds, grown, requests = steps.T
    if requests.sum() <= 0:
        return None
    timed = _varies(requests / seconds)
    columns = np.column_stack([requests, seconds] if timed else [requests])
    freedom = len(steps) - columns.shape[1]
    if freedom < 1:
        return None
    found, *_ = np.linalg.lstsq(columns, grown, rcond=None)
    rest = grown - columns @ found
    spread = np.square(rest).sum() / freedom * (_togetherness(rest) if widened else 1.0)
    error = float(np.sqrt(spread * np.linalg.inv(columns.T @ columns)[0, 0]))
    margin = float(special.stdtrit(freedom, (1 + confidence) / 2)) * error + quantum_bytes / float(requests.sum())
    size = float(found[0])
    return Slope(size, size - margin, size + margin, float(found[1]) if timed else None)


def _togetherness(rest: Floats) -> float:
    """By how much more a sum of neighbours varies that go together, as in an autoregression of the first order."""
    total = float(np.square(rest).sum())
    share = float((rest[1:] * rest[:-1]).sum()) / total if total > 0 else 0.0
    share = min(max(share, 0.0), MOST_TOGETHER)
    return (1 + share) / (1 - share)


def _varies(rates: Floats) -> bool:
    return bool(rates.std() >= VARIED_SHARE * rates.mean())


def _restarted(levels: Sequence[Level]) -> NDArray[np.bool_]:
    sizes = np.array([level.size_bytes for level in levels], dtype=float)
    return np.asarray(sizes[1:] < RESTARTED_SHARE * sizes[:-1], dtype=np.bool_)


def _quantum(levels: Sequence[Level], unit_bytes: float) -> float:
    """One unit where all values are whole ones: OAP keeps the means of meters as whole numbers."""
    whole = unit_bytes > 1 and all(float(level.size_bytes / unit_bytes).is_integer() for level in levels)
    return unit_bytes if whole else 0.0
