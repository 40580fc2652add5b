"""Nights on which a figure changed for good: steps in a series, and whether they could be chance.

A permutation test of the largest weighted CUSUM, for good or for some nights, asks first whether the series changes at
all, so that noise shows a step no more often than `level`. Only then are steps placed, by kernel change point detection
with a penalty (C. Truong, L. Oudre, N. Vayatis, "Selective review of offline change point detection methods", 2020;
ruptures), and each is kept that the same test finds between its neighbours (backward elimination) and that is large
enough. Permutations stop early where chance is plain (J. Besag, P. Clifford, "Sequential Monte Carlo p-values", 1991).
Nights that are missing don't matter: what counts is the order.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Of rows of values and of weights, one number a row.
Statistic = Callable[[Floats, Floats], Floats]

# A step is told from a bad night by as many nights on either side.
LEAST_NIGHTS = 3
PERMUTATIONS = 399
# So many permutations at a time, and after them so many as extreme as the series end the test: it is chance.
STAGES = ((19, 2), (80, 5), (300, PERMUTATIONS))
# Single nights further from their neighbours' median than so many standard deviations are drawn in to that.
OUTLIER_SCALES = 4.0
MAD_TO_SIGMA = 1.4826
# In standard deviations squared: low, as what is proposed is tested afterwards.
PENALTY = 2.0
MOST_STEPS = 30
# A change for some nights is looked for in lengths that grow by this factor.
LADDER = 2.0


@dataclass(frozen=True, slots=True)
class Step:
    """The series changed before `position`: from `before` to `after`, the medians of the nights to the next steps."""

    position: int
    before: float
    after: float
    p_value: float

    @property
    def size(self) -> float:
        return self.after - self.before


def find_steps(
    values: Sequence[float] | Floats,
    errors: Sequence[float] | Floats | None = None,
    *,
    smallest: float,
    level: float = 0.01,
    seed: int = 0,
) -> list[Step]:
    """Steps of at least `smallest`, significant at `level`, in order. `errors` are each value's own standard errors."""
    raw = np.asarray(values, dtype=float)
    if len(raw) < 2 * LEAST_NIGHTS or np.ptp(raw) < smallest:
        return []
    scale = _scale(raw)
    series = _without_spikes(raw, scale)
    weights = _weights(np.zeros(len(raw)) if errors is None else np.asarray(errors, dtype=float), scale)
    rng = np.random.default_rng(seed)
    if _p_value(series, weights, level, rng, _any_change) > level:
        return []
    found = _tested(_proposed(series), series, weights, level, rng)
    steps = _steps(found, raw)
    while small := [step for step in steps if abs(step.size) < smallest]:
        least = min(small, key=lambda step: abs(step.size)).position
        found = {cut: p for cut, p in found.items() if cut != least}
        steps = _steps(found, raw)
    return steps


def _scale(raw: Floats) -> float:
    """Standard deviation of single nights, from the changes between them, which steps hardly count among."""
    return float(MAD_TO_SIGMA * np.median(np.abs(np.diff(raw))) / math.sqrt(2.0))


def _without_spikes(raw: Floats, scale: float) -> Floats:
    """Single nights drawn in to the median of five; a step stays where it is."""
    padded = np.pad(raw, 2, mode="reflect")
    centre = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    return np.asarray(np.clip(raw, centre - OUTLIER_SCALES * scale, centre + OUTLIER_SCALES * scale))


def _weights(errors: Floats, scale: float) -> Floats:
    """By what a night varies by itself and what its own limits add; nights that are not bounded count for nothing."""
    variance = scale**2 + errors**2
    usable = np.isfinite(variance) & (variance > 0)
    if not usable.any():
        return np.ones(len(errors))
    inverse = np.divide(1.0, variance, out=np.zeros(len(errors)), where=usable)
    inverse[variance == 0] = inverse.max()
    return np.asarray(np.maximum(inverse / inverse.max(), 1e-6))


def _p_value(series: Floats, weights: Floats, level: float, rng: np.random.Generator, statistic: Statistic) -> float:
    """Of "no change", by `statistic` of the series against that of its permutations."""
    observed, extreme, done = float(statistic(series[None, :], weights[None, :])[0]), 0, 0
    if observed <= 0.0:
        return 1.0
    for count, plain_chance in STAGES:
        order = rng.permuted(np.broadcast_to(np.arange(len(series)), (count, len(series))), axis=1)
        found = statistic(series[order], weights[order])
        extreme, done = extreme + int((found >= observed * (1.0 - 1e-9)).sum()), done + count
        if extreme >= plain_chance or (extreme + 1) / (PERMUTATIONS + 1) > level:
            break
    return (extreme + 1) / (done + 1)


def _any_change(series: Floats, weights: Floats) -> Floats:
    """Of each row the largest change, for good or for as many nights as there are in a ladder of lengths."""
    weight = np.pad(np.cumsum(weights, axis=1), ((0, 0), (1, 0)))
    whole = np.pad(np.cumsum(weights * series, axis=1), ((0, 0), (1, 0)))
    largest = _cusum(series, weights)
    length = LEAST_NIGHTS
    while length <= series.shape[1] // 2:
        inside, total = weight[:, length:] - weight[:, :-length], whole[:, length:] - whole[:, :-length]
        largest = np.maximum(largest, _apart(inside, total, weight[:, -1:], whole[:, -1:]).max(axis=1))
        length = math.ceil(length * LADDER)
    return largest


def _cusum(series: Floats, weights: Floats) -> Floats:
    """Of each row the largest change for good, with enough nights on either side."""
    weight, whole = np.cumsum(weights, axis=1), np.cumsum(weights * series, axis=1)
    cuts = slice(LEAST_NIGHTS - 1, series.shape[1] - LEAST_NIGHTS)
    return np.asarray(_apart(weight[:, cuts], whole[:, cuts], weight[:, -1:], whole[:, -1:]).max(axis=1))


def _apart(weight: Floats, total: Floats, all_weight: Floats, all_total: Floats) -> Floats:
    """Difference of two weighted means over its error: of a part with this weight and weighted sum, and of the rest."""
    rest = all_weight - weight
    apart = total / weight - (all_total - total) / rest
    return np.asarray(np.abs(apart) * np.sqrt(weight * rest / all_weight))


def _proposed(series: Floats) -> list[int]:
    """Where steps may be: too many rather than too few, but no more than anybody looks at."""
    from ruptures import KernelCPD  # takes two seconds to import, and most series don't change

    spread = float(np.sqrt(np.mean(np.diff(series) ** 2) / 2.0)) or 1.0
    search = KernelCPD(kernel="linear", min_size=LEAST_NIGHTS).fit((series / spread)[:, None])
    penalty = PENALTY * math.log(len(series))
    while len(cuts := search.predict(pen=penalty)[:-1]) > MOST_STEPS:
        penalty *= 2.0
    return [int(cut) for cut in cuts]


def _tested(
    cuts: Sequence[int], series: Floats, weights: Floats, level: float, rng: np.random.Generator
) -> dict[int, float]:
    """The cuts that are significant between their neighbours, with p-values; the least significant goes first."""
    tested: dict[tuple[int, int], float] = {}
    left = list(cuts)
    while left:
        bounds = [0, *left, len(series)]
        spans = [(bounds[i], bounds[i + 2]) for i in range(len(left))]
        for low, high in spans:
            if (low, high) not in tested:
                tested[low, high] = _p_value(series[low:high], weights[low:high], level, rng, _cusum)
        p_values = [tested[span] for span in spans]
        worst = int(np.argmax(p_values))
        if p_values[worst] <= level:
            return dict(zip(left, p_values, strict=True))
        left.pop(worst)
    return {}


def _steps(found: dict[int, float], raw: Floats) -> list[Step]:
    bounds = [0, *sorted(found), len(raw)]
    medians = [float(np.median(raw[a:b])) for a, b in itertools.pairwise(bounds)]
    return [Step(cut, medians[i], medians[i + 1], found[cut]) for i, cut in enumerate(sorted(found))]
