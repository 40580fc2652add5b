"""Designs with one endpoint a window: sums by endpoint are all that is needed.

The normal equations are an arrow: a diagonal, and one full row and column where there is time. What grows with windows
x endpoints^2 in general grows with windows here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.analysis.columns import Bools, Floats, Indices
from harness.analysis.numbers import medians, ratio, weighted_median, weighted_medians


@dataclass(frozen=True, slots=True)
class _Arrow:
    """Of the normal equations: `diagonal` and `side` (p,) of the endpoints, `corner` of time (1 without).

    `lean` is the side over the diagonal.
    """

    diagonal: Floats
    side: Floats
    corner: float
    lean: Floats

    @property
    def rest(self) -> float:
        """What is left of the corner once the endpoints are taken out (the Schur complement)."""
        return max(self.corner - float(self.side @ self.lean), 1e-300)


class _Groups:
    """Windows by the group (n,) of `count` that each is in; `rank` (n,) tells which of its group's windows it is.

    Groups of the same number of windows are the rows of one matrix, so that nothing is done group by group.
    """

    def __init__(self, group: Indices, count: int) -> None:
        self.sizes = np.bincount(group, minlength=count)
        # Short numbers are sorted in linear time.
        self._order = np.argsort(group.astype(np.uint16) if count < 2**16 else group, kind="stable")
        self._starts = np.cumsum(self.sizes) - self.sizes
        self._alike: list[tuple[Indices, Indices]] = []
        for size in np.unique(self.sizes[self.sizes > 0]):
            members = np.flatnonzero(self.sizes == size)
            self._alike.append((members, self._order[self._starts[members, None] + np.arange(size)]))

    @property
    def rank(self) -> Indices:
        rank = np.empty_like(self._order)
        rank[self._order] = np.arange(len(rank)) - np.repeat(self._starts, self.sizes)
        return rank

    def windows(self, group: int) -> Indices:
        return self._order[self._starts[group] :][: self.sizes[group]]

    def medians(self, values: Floats) -> Floats:
        """Of each group (count,); 0 where it has no windows."""
        found = np.zeros(len(self.sizes))
        for members, rows in self._alike:
            found[members] = medians(values[rows])
        return found

    def weighted_medians(self, values: Floats, weights: Floats) -> Floats:
        found = np.zeros(len(self.sizes))
        for members, rows in self._alike:
            found[members] = weighted_medians(values[rows], weights[rows])
        return found


class Solo:
    """One endpoint a window or none; `group` (n,) says which (p: none), `size` (n,) the number of its requests."""

    level = False

    def __init__(self, endpoints: int, group: Indices, size: Floats, time_s: Floats | None) -> None:
        self.endpoints, self.group, self.size, self.time_s = endpoints, group, size, time_s
        self.requests = self.sums(size)
        self._groups = _Groups(group, endpoints + 1)
        self.own = self._groups.sizes.astype(float)
        self.told = self.own > 0
        whole = size if time_s is None else size + time_s
        self._time_root = np.sqrt(np.maximum(0.0 if time_s is None else time_s, 1.0))
        self._root = np.sqrt(np.maximum(np.where(group < endpoints, whole, 0.0 if time_s is None else time_s), 1.0))
        if time_s is None:
            self.own, self.told = self.own[:endpoints], self.told[:endpoints]

    def counts(self, rows: Bools) -> Floats:
        found = np.zeros((int(rows.sum()), self.endpoints + 1))
        found[np.arange(len(found)), self.group[rows]] = self.size[rows]
        return found[:, : self.endpoints]

    def halved(self) -> Solo:
        later = self._groups.rank >= (self._groups.sizes // 2)[self.group]
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
            idle = self._groups.windows(self.endpoints)
            by_time = weighted_median(growth[idle] / self.time_s[idle], self.time_s[idle])
            growth = growth - by_time * self.time_s
        slopes = self._groups.weighted_medians(ratio(growth, self.size), self.size)[: self.endpoints]
        return slopes if self.time_s is None else np.append(slopes, by_time)

    def scales(self, residuals: Floats) -> Floats:
        by_group = self._groups.medians(np.abs(residuals) / self._root)
        if self.time_s is None:
            by_group[self.endpoints] = 0.0
            return np.asarray(by_group[self.group] * self._root)
        of_time = by_group[self.endpoints] * self._time_root
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
            nothing = np.zeros(self.endpoints)
            return _Arrow(diagonal, nothing, 1.0, nothing)
        on_time = weights * self.time_s
        side = self.sums(on_time * self.size)
        return _Arrow(diagonal, side, float(on_time @ self.time_s), ratio(side, diagonal))
