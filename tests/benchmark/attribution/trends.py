"""Competitors that look for a trend in resident memory: least squares, Mann-Kendall with Sen's slope, a difference."""

from __future__ import annotations

import warnings

import numpy as np
import pymannkendall  # type: ignore[import-untyped]
from scipy import stats

from tests.benchmark.attribution.claims import Claim
from tests.benchmark.attribution.series import Floats, Series

FEWEST_READINGS = 4


def least_squares(mix: Series, threshold_bytes: float, confidence: float) -> list[Claim]:
    """Ordinary least squares of the level on each endpoint's requests so far, under a constant mix.

    A leak where the lower limit, at Bonferroni's share of the error, is above the threshold. Counts under a constant
    mix vary by chance alone, so the columns are all but proportional.
    """
    count = mix.requests.shape[1]
    design = np.column_stack([np.ones(len(mix)), mix.requests])
    freedom = len(mix) - np.linalg.matrix_rank(design)
    if freedom < 1:
        return [Claim(False, 0.0)] * count
    inverse = np.linalg.pinv(design.T @ design)
    slopes = inverse @ design.T @ mix.resident_bytes
    residuals = mix.resident_bytes - design @ slopes
    errors = np.sqrt(np.clip(np.diag(inverse) * (residuals @ residuals) / freedom, 0.0, None))[1:]
    at_run = float(stats.t.ppf(1.0 - (1.0 - confidence) / count, freedom))
    at_95 = float(stats.t.ppf(0.975, freedom))
    return [
        Claim(
            leak=bool(slope - at_run * error > threshold_bytes),
            bytes_per_request=float(slope),
            ci95=(float(slope - at_95 * error), float(slope + at_95 * error)),
            cleared=bool(slope + at_run * error < threshold_bytes),
        )
        for slope, error in zip(slopes[1:], errors, strict=True)
    ]


def mann_kendall(alone: Series, threshold_bytes: float, alpha: float) -> Claim:
    """A rising trend by Mann's test (Econometrica 13, 1945), its size by Sen's slope (JASA 63, 1968).

    A leak where p < `alpha` and Sen's slope is above the threshold. The test supposes independent readings.
    """
    if len(alone) < FEWEST_READINGS or not alone.sent:
        return Claim(False, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pymannkendall.original_test(alone.resident_bytes, alpha=min(0.5, 2.0 * alpha))
    each = alone.sent / (len(alone) - 1)
    slope = float(found.slope) / each
    rising = found.trend == "increasing"
    return Claim(bool(rising and slope > threshold_bytes), slope, cleared=not (rising and slope > threshold_bytes))


def one_at_a_time(alone: Series, threshold_bytes: float) -> Claim:
    """As people do it: resident memory before and after, divided by the requests, over the threshold or not."""
    if not len(alone) or not alone.sent:
        return Claim(False, 0.0)
    grown = float(alone.resident_bytes[-1] - alone.resident_bytes[0]) / alone.sent
    return Claim(grown > threshold_bytes, grown, cleared=grown <= threshold_bytes)


def straight_line(resident_bytes: Floats) -> tuple[float, float]:
    """Slope a reading and R² of the least-squares line; R² of a level without any variation is 0."""
    count = len(resident_bytes)
    places = np.arange(count) - (count - 1) / 2.0
    centred = resident_bytes - resident_bytes.mean()
    total = float(centred @ centred)
    slope = float(places @ centred) / float(places @ places)
    return slope, min(1.0, slope**2 * float(places @ places) / total) if total > 0 else 0.0
