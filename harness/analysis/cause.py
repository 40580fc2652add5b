"""Which of the known causes the growing channels point to."""

from __future__ import annotations

import numpy as np

from harness.analysis.regression import robust_fit
from harness.analysis.windows import COUNTED, WindowTable, undisturbed
from harness.model.verdict import Cause

# A thing kept for every second request or more is what holds the memory, not a side effect.
KEPT_PER_REQUEST = 0.5

_CAUSE_OF_COUNT: tuple[tuple[str, Cause], ...] = (
    ("timers", "timer"),
    ("coroutines", "coroutine"),
    ("open_fds", "resource"),
    ("resources", "resource"),
)


def growth_per_request(table: WindowTable) -> list[dict[str, float]]:
    """For each endpoint the open files, coroutines, timers and resources kept by a request, where they were counted."""
    found: list[dict[str, float]] = [{} for _ in table.endpoints]
    whole = undisturbed(table, "php_heap") & ~table.mix & ~table.group
    for name in COUNTED:
        rows = whole & np.isfinite(table.counts[name])
        if not rows.any():
            continue
        try:
            fit = robust_fit(table.requests[rows], table.counts[name][rows], floor=1.0)
        except ValueError:
            continue
        for per_request, slope in zip(found, fit.slopes, strict=True):
            per_request[name] = round(float(slope), 4) + 0.0
    return found


def cause_of(per_request: dict[str, float], *, heap_flat: bool) -> Cause:
    """The cause of a leak by what grows with it; "unknown" where only a census of the holders can tell.

    `heap_flat`: the heaps were read, and did not grow with it.
    """
    for name, cause in _CAUSE_OF_COUNT:
        if per_request.get(name, 0.0) >= KEPT_PER_REQUEST:
            return cause
    return "extension" if heap_flat else "unknown"
