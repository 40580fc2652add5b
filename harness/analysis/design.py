"""What a robust fit asks of a design, and which of the two kinds of designs some windows have."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from harness.analysis.columns import Bools, Floats
from harness.analysis.matrix import Matrix
from harness.analysis.numbers import how_many
from harness.analysis.solo import Solo

LARGEST_LEVERAGE = 0.9


class Design(Protocol):
    """n windows of p columns, the first `endpoints` of which are requests, the last one time where there is one.

    `level`: each window with load has requests of every endpoint. `requests` (endpoints,) of all windows, `time_s` (n,)
    of each where there is time; `told` (p,) the columns that the windows tell apart; `own` (p,) how many windows tell
    of each.
    """

    endpoints: int
    level: bool
    requests: Floats
    time_s: Floats | None
    told: Bools
    own: Floats

    def counts(self, rows: Bools) -> Floats:
        """Requests (rows, endpoints) of some windows."""

    def halved(self) -> Design:
        """Twice the endpoints: each in the earlier half of its own windows or requests, then each in the later half."""

    def shares(self, values: Bools) -> Floats:
        """Of each endpoint's windows the share that is True."""

    def predicted(self, slopes: Floats) -> Floats: ...

    def weighted(self, growth: Floats, weights: Floats) -> Floats:
        """Slopes by least squares; 0 where a column isn't told apart."""

    def start(self, growth: Floats) -> Floats:
        """Slopes by least absolute deviations, or nearly, of growth in units below which nothing counts."""

    def scales(self, residuals: Floats) -> Floats:
        """Each window's median absolute residual (n,): the largest of its columns', by the windows that tell of each.

        It grows with the root of the window's size: jumps come at random among requests. What idle windows vary by is
        in every window as it is.
        """

    def means(self, values: Floats) -> Floats:
        """For each window the mean of `values` (n,) over the windows of its columns, over its columns."""

    def leverage(self, scales: Floats) -> Floats: ...

    def errors(self, bread: Floats, meat: Floats) -> Floats:
        """Standard errors (p,) of the sandwich, from the weights (n,) of its two parts; infinite if not told apart."""


def design_of(requests: Floats, time_s: Floats | None = None) -> Design:
    """The design of `requests` (n, p), and `time_s` (n,) of all windows as a last column."""
    driven = requests != 0
    company = how_many(driven)
    idle = company == 0
    separate = time_s is None or (bool(np.any(idle & (time_s > 0))) and bool(np.all(time_s > 0)))
    if company.max(initial=0) > 1 or not separate:
        return Matrix(requests, time_s, level=bool(np.all(idle | (company == requests.shape[1]))))
    group = np.where(idle, requests.shape[1], np.argmax(driven, axis=1))
    return Solo(requests.shape[1], group, requests.sum(axis=1), time_s)


def matrix_design(columns: Floats) -> Design:
    """The design of a matrix, whose last column may be time."""
    timed = columns.shape[1] > 1 and len(columns) > 0 and bool(np.all(columns[:, -1] > 0))
    return design_of(columns[:, :-1], columns[:, -1]) if timed else design_of(columns)
