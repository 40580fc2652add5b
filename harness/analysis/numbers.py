"""Sums and medians that the fits are made of."""

from __future__ import annotations

import numpy as np

from harness.analysis.columns import Bools, Floats, Indices


def ratio(above: Floats, below: Floats) -> Floats:
    """0 where there is nothing to divide by."""
    found: Floats = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return found


def how_many(found: Bools) -> Indices:
    """How many of each row of `found` (n, p) are True; in a tenth of numpy's time and memory, for p < 2^15."""
    return np.asarray(found.view(np.int8).sum(axis=1, dtype=np.int16))


def median(values: Floats) -> float:
    """0 of no values."""
    return float(medians(values[None])[0]) if len(values) else 0.0


def medians(values: Floats) -> Floats:
    """Of each row of `values` (k, n), n > 0, in a fraction of the time that numpy's takes for few values."""
    count = values.shape[1]
    middle = count // 2
    if count % 2:
        return np.asarray(np.partition(values, middle, axis=1)[:, middle])
    part = np.partition(values, (middle - 1, middle), axis=1)
    return np.asarray((part[:, middle - 1] + part[:, middle]) / 2.0)


def weighted_median(values: Floats, weights: Floats) -> float:
    return float(weighted_medians(values[None], weights[None])[0])


def weighted_medians(values: Floats, weights: Floats) -> Floats:
    """Of each row the value that as much weight lies below as above; halfway between two where that is between them."""
    order = np.argsort(values, axis=1)
    below = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    half = below[:, -1:] / 2.0
    low = np.count_nonzero(below < half * (1 - 1e-12), axis=1)
    high = np.minimum(np.count_nonzero(below < half * (1 + 1e-12), axis=1), values.shape[1] - 1)
    rows = np.arange(len(values))
    return np.asarray((values[rows, order[rows, low]] + values[rows, order[rows, high]]) / 2.0)
