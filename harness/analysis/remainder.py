"""What the realistic mix at the end of a run keeps beyond the sum of what its endpoints keep by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.decide import Decision, Settings
from harness.analysis.estimate import Estimates, estimate_design
from harness.analysis.solo import Solo
from harness.analysis.student import t_quantile
from harness.analysis.windows import WindowTable, undisturbed
from harness.model.verdict import Channel

FEWEST_WINDOWS = 2
# Leaks of single endpoints share arrays, pages and connections in the mix: their sum is only known so well.
SUM_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Remainder:
    """`bytes_per_request` of the mix, all its requests counted; 0 where it is not sure.

    `leaks`: what takes two endpoints is kept at most once for each request of the rarer. So the threshold is held
    against the remainder by request of the mix's rarest endpoint: who else is in the mix hides nothing.
    """

    bytes_per_request: float = 0.0
    leaks: bool = False


def remainder_of(
    table: WindowTable, channel: Channel, decisions: Sequence[Decision], whole: Estimates, settings: Settings
) -> Remainder:
    rows = table.select(table.mix & undisturbed(table, channel) & np.isfinite(table.growth[channel]))
    driven = rows.requests.sum(axis=0)
    known = np.isfinite(whole.error) | np.array([decision.outcome == "clean" for decision in decisions])
    if len(rows) < FEWEST_WINDOWS or not np.all(known[driven > 0]):
        return Remainder()
    each = np.array([0.0 if d.outcome == "bounded" else d.bytes_per_request for d in decisions])
    by_time = whole.time.slope if whole.time else 0.0
    beyond = rows.growth[channel] - rows.requests @ each - by_time * rows.duration_s
    requests = rows.requests.sum(axis=1)
    found = estimate_design(Solo(1, np.zeros(len(rows), dtype=np.int64), requests, None), beyond, channel)
    unsure = SUM_SHARE * float(driven @ np.maximum(each, 0.0)) / float(requests.sum())
    lower = float(found.lower(1.0 - settings.alpha)[0]) - _margin(rows, whole, settings) - unsure
    if lower <= 0:
        return Remainder()
    rarest = float(driven[driven > 0].min())
    leaks = lower * float(requests.sum()) / rarest > settings.threshold_bytes
    return Remainder(round(float(found.mean[0]), 3), bool(leaks))


def _margin(rows: WindowTable, whole: Estimates, settings: Settings) -> float:
    """How far the sum of the parts, time among them, may be above what it was taken to be; bytes a request."""
    driven = rows.requests.sum(axis=0)
    errors = driven * np.where(np.isfinite(whole.error), whole.error, 0.0)
    freedom = whole.freedom
    if whole.time:
        errors = np.append(errors, rows.duration_s.sum() * whole.time.error)
        freedom = np.append(freedom, whole.time.freedom)
    squares = errors**2
    total = max(float(squares.sum()), 1e-300)
    together = total**2 / max(float((squares**2 / freedom).sum()), 1e-300)
    return float(t_quantile(1.0 - settings.alpha, max(1.0, together)) * np.sqrt(total) / driven.sum())
