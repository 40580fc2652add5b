"""Who of a recording's endpoints is tried by redrawing the schedule, and what the windows of its blocks say."""

from __future__ import annotations

import math

import numpy as np

from harness.analysis.columns import NO_BLOCK, Bools, Floats
from harness.analysis.estimate import QUANTUM_BYTES, Estimates, estimate, usable_rows
from harness.analysis.randomisation import REACHED, Block, randomisation_p_value, without_outliers
from harness.analysis.windows import WindowTable
from harness.model.verdict import Channel, EndpointVerdict, Verdict

# Windows of resident memory grow by what others touched before: there the test's assumption doesn't hold.
CHANNEL: Channel = "php_heap"
ROUNDING = QUANTUM_BYTES[CHANNEL] / math.sqrt(12.0)
# Beside leaks, endpoints are tried whose p-value is as small as this; at most so many in all, each takes some 10 ms.
NEAR = 0.05
MOST_TRIED = 50
SEED = 1


def with_randomisation(verdict: Verdict, table: WindowTable, threshold_bytes: float) -> Verdict:
    """The verdict with p-values of the randomisation test, where endpoints had windows of their own in random order.

    Like the other p-values they are of one look and one endpoint.
    """
    near = [e for e, found in enumerate(verdict.endpoints) if _is_near(found)]
    if not near:
        return verdict
    rows = table.select(usable_rows(table, CHANNEL) & _drawn_at_random(table))
    try:
        whole = estimate(rows, CHANNEL)
    except ValueError:
        return verdict
    endpoints = list(verdict.endpoints)
    for e in sorted(near, key=lambda e: endpoints[e].p_value)[:MOST_TRIED]:
        blocks = _blocks(rows, whole, e, threshold_bytes)
        p_value = randomisation_p_value(blocks, rounding=ROUNDING, seed=SEED + e)
        endpoints[e] = _told(endpoints[e], p_value)
    return verdict.model_copy(update={"endpoints": tuple(endpoints)})


def _is_near(found: EndpointVerdict) -> bool:
    return found.channel == CHANNEL and (found.verdict == "leak" or found.p_value <= NEAR)


def _drawn_at_random(table: WindowTable) -> Bools:
    """Windows of one endpoint or none, in blocks that drove nobody twice: a stretch of one by itself isn't shuffled."""
    driven = table.requests > 0
    _, place = np.unique(table.block, return_inverse=True)
    times = np.zeros((len(table), len(table.endpoints)), dtype=np.int64)
    np.add.at(times, place, driven)
    repeated = np.count_nonzero(times > 1, axis=1) > 0
    return np.asarray((table.block != NO_BLOCK) & ~repeated[place] & (driven.sum(axis=1) <= 1))


def _blocks(rows: WindowTable, whole: Estimates, endpoint: int, threshold_bytes: float) -> list[Block]:
    """Blocks in which the endpoint had a window and another was idle."""
    requests, idle = rows.requests[:, endpoint], np.count_nonzero(rows.requests, axis=1) == 0
    noise = _noise(rows, whole, endpoint, threshold_bytes)
    blocks = []
    order = np.argsort(rows.block, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(rows.block[order])) + 1):
        own, still = np.flatnonzero(requests[part] > 0), np.flatnonzero(idle[part])
        if len(own) and len(still):
            place = part[own[0]]
            stretch = float(rows.duration_s[place] / rows.duration_s[part[still]].mean())
            blocks.append(Block(noise[part], int(own[0]), tuple(map(int, still)), float(requests[place]), stretch))
    return blocks


def _noise(rows: WindowTable, whole: Estimates, endpoint: int, threshold_bytes: float) -> Floats:
    """Growth (n,) beyond what is expected where the endpoint keeps the threshold with each request.

    Growth by time is then told by the endpoint's windows too (D. Freedman and D. Lane, J. Business & Economic Statist.
    1, 1983), but for their outliers. What is left of the others' windows is smaller by what was estimated from it, and
    is stretched by that.
    """
    driven, lasted = np.count_nonzero(rows.requests, axis=1) > 0, rows.duration_s
    kept = whole.mean.copy()
    kept[endpoint] = threshold_bytes
    beyond = rows.growth[CHANNEL] - rows.requests @ kept - (whole.time.slope if whole.time else 0.0) * lasted
    windows = np.count_nonzero(rows.requests, axis=0)
    stretched = np.sqrt(windows / np.maximum(windows - 1.0, 1.0))[np.argmax(rows.requests > 0, axis=1)]
    telling = (rows.requests[:, endpoint] > 0) | ~driven
    by_time = float(without_outliers(beyond, ROUNDING)[telling].sum()) / float(lasted[telling].sum())
    return np.asarray(np.where(telling, beyond - by_time * lasted, beyond * stretched))


def _told(found: EndpointVerdict, p_value: float | None) -> EndpointVerdict:
    remark = ""
    if found.verdict == "leak" and p_value is not None and p_value > REACHED:
        remark = f"the order in which the windows were drawn doesn't confirm it (randomisation test: p {p_value:.2g})"
    note = "; ".join(part for part in (found.note, remark) if part)
    return found.model_copy(update={"randomisation_p_value": p_value, "note": note})
