"""Designs of any kind, as full matrices."""

from __future__ import annotations

import numpy as np

from harness.analysis.columns import Bools, Floats
from harness.analysis.numbers import median, ratio

# Least absolute deviations by weighted least squares, begun on so many windows: it is where the robust fit starts from.
LEAST_ABSOLUTE_STEPS = 40
STARTING_WINDOWS = 20_000


class Matrix:
    """Any design, as its full matrix. `level`: every endpoint has requests in each of its windows with load."""

    def __init__(self, requests: Floats, time_s: Floats | None = None, *, level: bool = False) -> None:
        self.level = level
        columns = requests if time_s is None else np.column_stack([requests, time_s])
        self.endpoints, self.requests, self.time_s = requests.shape[1], requests.sum(axis=0), time_s
        self.columns = np.ascontiguousarray(columns)
        self.told = _identifiable(columns)
        self._on = self.columns != 0
        alone = self._on & (np.count_nonzero(self._on, axis=1) == 1)[:, None]
        self._always = self._on.all(axis=0) & alone.any(axis=0)
        self._rows = np.where(self._always, alone, self._on)
        self.own = self._rows.sum(axis=0).astype(float)
        whole = np.abs(self.columns).sum(axis=1, keepdims=True)
        self._root = np.sqrt(np.maximum(np.where(self._always, np.abs(self.columns), whole), 1.0))

    def counts(self, rows: Bools) -> Floats:
        return self.columns[rows, : self.endpoints]

    def halved(self) -> Matrix:
        requests, driven = self.columns[:, : self.endpoints], self._on[:, : self.endpoints]
        if self.level:
            later = np.cumsum(requests, axis=0) - requests / 2.0 > self.requests / 2.0
        else:
            later = np.cumsum(driven, axis=0) > driven.sum(axis=0) / 2
        halves = [np.where(later, 0.0, requests), np.where(later, requests, 0.0)]
        return Matrix(np.hstack(halves), self.time_s, level=self.level)

    def shares(self, values: Bools) -> Floats:
        on = self._on[:, : self.endpoints].astype(float)
        return ratio(values @ on, on.sum(axis=0))

    def predicted(self, slopes: Floats) -> Floats:
        return np.asarray(self.columns @ slopes)

    def weighted(self, growth: Floats, weights: Floats) -> Floats:
        slopes = np.zeros(self.columns.shape[1])
        kept = self.columns[:, self.told]
        scaled = kept * weights[:, None]
        normal = scaled.T @ kept
        reach = np.sqrt(np.diag(normal))
        reach[reach == 0.0] = 1.0
        slopes[self.told] = _solved(normal / np.outer(reach, reach), (scaled.T @ growth) / reach) / reach
        return slopes

    def start(self, growth: Floats) -> Floats:
        """On an even part of the windows where there are very many."""
        part = slice(None, None, max(1, len(growth) // STARTING_WINDOWS))
        some = self if part.step == 1 else Matrix(self.columns[part])
        growth = growth[part]
        slopes = some.weighted(growth, np.ones(len(growth)))
        reach = np.abs(some.columns).max(axis=0)
        for _ in range(LEAST_ABSOLUTE_STEPS):
            residuals = growth - some.predicted(slopes)
            previous, slopes = slopes, some.weighted(growth, 1.0 / np.maximum(np.abs(residuals), 1.0))
            if np.max(np.abs(slopes - previous) * reach) < 1e-3:
                break
        return slopes

    def scales(self, residuals: Floats) -> Floats:
        scales = np.zeros(len(residuals))
        absolute = np.abs(residuals)
        for root, rows, on in zip(self._root.T, self._rows.T, self._on.T, strict=True):
            by_column = median(absolute[rows] / root[rows])
            scales = np.maximum(scales, np.where(on, by_column * root, 0.0))
        return scales

    def means(self, values: Floats) -> Floats:
        on = self._on[:, self.told].astype(float)
        by_column = ratio(values @ on, on.sum(axis=0))
        return np.asarray((on @ by_column) / np.maximum(on.sum(axis=1), 1.0))

    def leverage(self, scales: Floats) -> Floats:
        scaled = self.columns[:, self.told] / scales[:, None]
        return np.asarray(np.einsum("ij,ij->i", scaled @ np.linalg.pinv(scaled.T @ scaled), scaled))

    def errors(self, bread: Floats, meat: Floats) -> Floats:
        kept = self.columns[:, self.told]
        inner = np.linalg.pinv(kept.T @ (kept * bread[:, None]))
        outer = kept.T @ (kept * meat[:, None])
        errors = np.full(self.columns.shape[1], np.inf)
        errors[self.told] = np.sqrt(np.clip(np.diag(inner @ outer @ inner), 0.0, None))
        return errors


def _identifiable(columns: Floats) -> Bools:
    """Columns with no part in the null space of the design."""
    norms = np.linalg.norm(columns, axis=0)
    scaled = columns / np.where(norms > 0, norms, 1.0)
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    null = vectors[:, values < 1e-10 * max(1.0, values.max(initial=0.0))]
    return np.asarray((norms > 0) & (np.linalg.norm(null, axis=1) < 1e-6))


def _solved(normal: Floats, right: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.solve(normal, right))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(normal, right, rcond=None)[0])
