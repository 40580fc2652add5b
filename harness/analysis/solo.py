"""Designs with one endpoint a window: sums by endpoint are all that is needed.

The normal equations are an arrow: a diagonal, and one full row and column where there is time. What grows with windows
x endpoints^2 in general grows with windows here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.analysis.columns import Bools, Floats, Indices
from harness.analysis.numbers import median, ratio, weighted_median


@dataclass(frozen=True, slots=True)
class _Arrow:
    """Of the normal equations: `diagonal` and `side` (p,) of the endpoints, `corner` of time (1 without)."""

    diagonal: Floats
    side: Floats
    corner: float

    @property
    def lean(self) -> Floats:
        return ratio(self.side, self.diagonal)

    @property
    def rest(self) -> float:
        """What is left of the corner once the endpoints are taken out (the Schur complement)."""
        return max(self.corner - float(self.side @ self.lean), 1e-300)


class Solo:
    """One endpoint a window or none; `group` (n,) says which (p: none), `size` (n,) the number of its requests."""

    level = False

    def __init__(self, endpoints: int, group: Indices, size: Floats, time_s: Floats | None) -> None:
        self.endpoints, self.group, self.size, self.time_s = endpoints, group, size, time_s
        self.requests = self.sums(size)
        self.own = np.bincount(group, minlength=endpoints + 1).astype(float)
        self.told = self.own > 0
        order = np.argsort(group, kind="stable")
        self._slices = np.split(order, np.cumsum(self.own).astype(int)[:-1])
        whole = size if time_s is None else size + time_s
        self._root = np.sqrt(np.maximum(np.where(group < endpoints, whole, 0.0 if time_s is None else time_s), 1.0))
        if time_s is None:
            self.own, self.told = self.own[:endpoints], self.told[:endpoints]

    def counts(self, rows: Bools) -> Floats:
        found = np.zeros((int(rows.sum()), self.endpoints + 1))
        found[np.arange(len(found)), self.group[rows]] = self.size[rows]
        return found[:, : self.endpoints]

    def halved(self) -> Solo:
        later = np.zeros(len(self.group), dtype=bool)
        for rows in self._slices[: self.endpoints]:
            later[rows[len(rows) // 2 :]] = True
        idle = self.group == self.endpoints
        group = np.where(idle, 2 * self.endpoints, self.group + self.endpoints * later)
        return Solo(2 * self.endpoints, group, self.size, self.time_s)

    def shares(self, values: Bools) -> Floats:
        return ratio(self.sums(values.astype(float)), self.sums(np.ones(len(values))))

    def predicted(self, slopes: Floats) -> Floats:
        padded = slopes if self.time_s is not None else np.append(slopes, 0.0)
        of_time = 0.0 if self.time_s is None else padded[-1] * self.time_s
        return np.asarray(np.where(self.group < self.endpoints, padded[self.group] * self.size, 0.0) + of_time)

    def weighted(self, growth: Floats, weights: Floats) -> Floats:
        arrow = self._arrow(weights)
        on_size = self.sums(weights * self.size * growth)
        if self.time_s is None:
            return ratio(on_size, arrow.diagonal)
        on_time = float((weights * self.time_s) @ growth)
        by_time = (on_time - float(arrow.lean @ on_size)) / arrow.rest
        return np.append(ratio(on_size - arrow.side * by_time, arrow.diagonal), by_time)

    def start(self, growth: Floats) -> Floats:
        by_time = 0.0
        if self.time_s is not None:
            idle = self._slices[self.endpoints]
            by_time = weighted_median(growth[idle] / self.time_s[idle], self.time_s[idle])
            growth = growth - by_time * self.time_s
        slopes = [
            weighted_median(growth[rows] / self.size[rows], self.size[rows]) if len(rows) else 0.0
            for rows in self._slices[: self.endpoints]
        ]
        return np.array(slopes if self.time_s is None else [*slopes, by_time])

    def scales(self, residuals: Floats) -> Floats:
        relative = np.abs(residuals) / self._root
        by_group = np.array([median(relative[rows]) for rows in self._slices])
        if self.time_s is None:
            by_group[self.endpoints] = 0.0
            return np.asarray(by_group[self.group] * self._root)
        of_time = by_group[self.endpoints] * np.sqrt(np.maximum(self.time_s, 1.0))
        return np.asarray(np.maximum(by_group[self.group] * self._root, of_time))

    def means(self, values: Floats) -> Floats:
        counts = np.bincount(self.group, minlength=self.endpoints + 1).astype(np.float64)
        totals: Floats = np.bincount(self.group, weights=values, minlength=self.endpoints + 1).astype(np.float64)
        by_group = ratio(totals, counts)
        if self.time_s is None:
            return np.asarray(np.where(self.group < self.endpoints, by_group[self.group], 0.0))
        overall = float(values.mean())
        by_group[: self.endpoints] = (by_group[: self.endpoints] + overall) / 2.0
        by_group[self.endpoints] = overall
        return np.asarray(by_group[self.group])

    def leverage(self, scales: Floats) -> Floats:
        arrow = self._arrow(1.0 / scales**2)
        loaded = self.group < self.endpoints
        of_group = np.append(ratio(np.ones(self.endpoints), arrow.diagonal), 0.0)[self.group]
        own = np.where(loaded, self.size**2 * of_group, 0.0)
        if self.time_s is not None:
            lean = np.append(arrow.lean, 0.0)[self.group]
            own = own + (lean * self.size - self.time_s) ** 2 / arrow.rest
        return np.asarray(own / scales**2)

    def errors(self, bread: Floats, meat: Floats) -> Floats:
        inner, outer = self._arrow(bread), self._arrow(meat)
        own = ratio(outer.diagonal, inner.diagonal**2)
        if self.time_s is None:
            return np.where(self.told, np.sqrt(own), np.inf)
        lean, rest = inner.lean, inner.rest
        of_time = float(outer.diagonal @ lean**2) - 2.0 * float(outer.side @ lean) + outer.corner
        across = 2.0 * lean / rest * ratio(lean * outer.diagonal - outer.side, inner.diagonal)
        variances = np.append(own + across + (lean / rest) ** 2 * of_time, of_time / rest**2)
        return np.where(self.told, np.sqrt(np.clip(variances, 0.0, None)), np.inf)

    @property
    def time_information(self) -> float:
        """One over the variance of the slope on time by least squares, where each window has the variance 1."""
        return self._arrow(np.ones(len(self.group))).rest

    def sums(self, values: Floats) -> Floats:
        """By endpoint, over its windows."""
        return np.asarray(np.bincount(self.group, weights=values, minlength=self.endpoints + 1)[: self.endpoints])

    def _arrow(self, weights: Floats) -> _Arrow:
        diagonal = self.sums(weights * self.size**2)
        if self.time_s is None:
            return _Arrow(diagonal, np.zeros(self.endpoints), 1.0)
        on_time = weights * self.time_s
        return _Arrow(diagonal, self.sums(on_time * self.size), float(on_time @ self.time_s))
