"""What the cycle collector says of growth on the PHP heap.

Where the probe forces it before each sample, garbage is what it freed. Where nothing does, or in a process that the
probe doesn't reach, the roots that wait for it tell: garbage always has at least one of its parts among them, so growth
without new roots can't be garbage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.analysis.regression import robust_fit
from harness.analysis.windows import Floats, WindowTable
from harness.model.verdict import EndpointOutcome

FREED_LEVEL = 0.9
ROOTS_PER_REQUEST = 0.5
# PHP's collector runs when so many possible roots wait in a process (GC_THRESHOLD_DEFAULT in Zend/zend_gc.c).
ROOTS_OF_A_RUN = 10_001


@dataclass(frozen=True, slots=True)
class Garbage:
    """By endpoint: `freed` bytes a request by forced collections and `kept` bytes after them (lower limits), `roots`
    left behind by a request where none are forced, and `runs` of the collector by itself during its windows; NaN where
    it isn't known.
    """

    freed: Floats
    kept: Floats
    roots: Floats
    runs: Floats

    def correct(
        self, e: int, outcome: EndpointOutcome, note: str, threshold_bytes: float
    ) -> tuple[EndpointOutcome, str]:
        """The verdict with what the collector says: clean but for garbage, or growth that may yet be garbage."""
        if outcome in ("clean", "bounded") and self.freed[e] > threshold_bytes:
            return "garbage", f"leaves {self.freed[e]:,.0f} B of garbage a request, which the cycle collector frees"
        if outcome == "leak" and self.runs[e] == 0 and (waiting := self._waiting(e, threshold_bytes)):
            return "inconclusive", waiting
        return outcome, note

    def _waiting(self, e: int, threshold_bytes: float) -> str:
        """Why growth may be garbage that waits for a collector that has not run; empty where it can't be.

        Roots in a process that the probe doesn't reach leave what the others kept a leak.
        """
        leaves = f"may be garbage: each request leaves {self.roots[e]:.1g} possible roots of cycles"
        if np.isnan(self.freed[e]) and self.roots[e] >= ROOTS_PER_REQUEST:
            return (
                f"{leaves}, and the collector, which runs at 10,000 in a process, has not run yet; use the probe or "
                "more requests"
            )
        if self.roots[e] > 0 and self.kept[e] <= threshold_bytes:
            return f"{leaves} in a process that the probe doesn't reach, and its collector has not run yet"
        return ""


def possible_garbage(table: WindowTable, slope: float, requests: int, processes: int) -> str:
    """How much of a growth of `slope` bytes a request can be garbage, where neither the probe nor the roots tell.

    Garbage of a request has a possible root of its own at least, so no more than `ROOTS_OF_A_RUN` requests' garbage
    can wait in a process; what those after them left would have been freed in between.
    """
    if np.isfinite(table.freed).any() or np.isfinite(table.counts["gc_roots"]).any():
        return ""
    most = slope * min(1.0, ROOTS_OF_A_RUN * processes / max(1, requests))
    return (
        f"at most {most:,.0f} B/request of it can be garbage that waits for the cycle collector, "
        "of which nothing could be read"
    )


def garbage_of(rows: WindowTable) -> Garbage:
    runs = rows.counts["gc_runs"]
    quiet = rows.select(np.isfinite(rows.counts["gc_roots"]) & (runs == 0))
    forced = np.isfinite(rows.freed).any()
    partly = forced and len(quiet) > 0
    nothing = np.full(len(rows.endpoints), np.nan)
    return Garbage(
        freed=_per_request(rows, rows.freed) if forced else nothing,
        kept=_per_request(rows, rows.growth["php_heap"] - rows.uncollected) if partly else nothing,
        roots=_per_request(quiet, quiet.counts["gc_roots"]),
        runs=_runs(rows, np.nan_to_num(runs)) if np.isfinite(runs).any() else nothing,
    )


def _runs(rows: WindowTable, runs: Floats) -> Floats:
    """Of each endpoint's windows; most windows have none."""
    some = runs != 0
    return np.asarray(runs[some] @ (rows.requests[some] > 0))


def _per_request(rows: WindowTable, values: Floats) -> Floats:
    """Lower limits of the slopes on the requests; NaN where it can't be told."""
    nothing = np.full(len(rows.endpoints), np.nan)
    if not len(rows):
        return nothing
    try:
        fit = robust_fit(rows.requests, np.nan_to_num(values), floor=1.0)
    except ValueError:
        return nothing
    return np.asarray(np.where(np.isfinite(fit.errors), fit.lower(FREED_LEVEL), np.nan))
