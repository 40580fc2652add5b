"""What resident memory can tell, which is less than it seems.

A container's anonymous memory grows when pages are touched, not when bytes are kept: a leak fills pages that a large
response touched before, so a regression over a mixed schedule blames the large response. Two situations are free of
that: an endpoint driven alone, and endpoints none of which keeps anything on the PHP heap.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.analysis.decide import Decision, Settings, decide
from harness.analysis.windows import Bools, WindowTable, solo_rows
from harness.model.verdict import Channel, EndpointOutcome

ALONE_WINDOWS = 6
# What a process may keep before its resident memory has to grow: ZendMM takes its memory in chunks of this size.
HIDDEN_BYTES_PER_PROCESS = 2 * 1024 * 1024
# Verdicts on the PHP heap of endpoints that leave resident memory alone; garbage touches new pages until it is freed.
FLAT: tuple[EndpointOutcome, ...] = ("clean", "bounded")


def decide_alone(
    table: WindowTable, channel: Channel, settings: Settings, mixed: list[Decision], processes: int
) -> list[Decision]:
    """Decisions of a run without heaps: of the endpoints driven alone by those windows, others are never blamed.

    `processes` that run PHP may have had free memory to keep things in, and nobody is cleared by less than that.
    """
    hidden_bytes = HIDDEN_BYTES_PER_PROCESS * max(1, processes)
    return [_alone(table, channel, settings, e, decision, hidden_bytes) for e, decision in enumerate(mixed)]


def _alone(
    table: WindowTable, channel: Channel, settings: Settings, e: int, mixed: Decision, hidden_bytes: int
) -> Decision:
    rows = solo_rows(table, e, ALONE_WINDOWS)
    found = decide(table.select(rows), channel, settings) if rows.any() else None
    if found is not None:
        return _unless_hidden(replace(found[0][e], requests=mixed.requests), settings, hidden_bytes)
    if mixed.outcome == "clean":
        return replace(mixed, outcome="inconclusive", note="seems clean beside others; not yet driven alone")
    return replace(mixed, outcome="inconclusive", note=mixed.note or "not yet driven alone")


def _unless_hidden(alone: Decision, settings: Settings, hidden_bytes: int) -> Decision:
    """Resident memory that stands still clears nobody who could have kept the threshold in memory that was free."""
    upper_limit = alone.upper_limit + hidden_bytes / max(1, alone.requests)
    if alone.outcome not in FLAT or upper_limit < settings.threshold_bytes:
        return alone
    needed = int(hidden_bytes / settings.threshold_bytes)
    note = f"resident memory stands still, but may have had room for what it keeps; {needed:,} requests would tell"
    return replace(alone, outcome="inconclusive", upper_limit=upper_limit, note=note)


def native_leaks(table: WindowTable, channel: Channel, settings: Settings, on_heap: list[bool]) -> dict[int, Decision]:
    """Leaks outside of the PHP heap, by endpoint, from the windows at the end in which nothing kept heap memory.

    `on_heap[e]` tells that endpoint e may grow the heap; its windows, and all before its last one, don't count.
    """
    quiet = _quiet_tail(table, on_heap)
    found = decide(table.select(quiet), channel, settings) if quiet.any() else None
    if found is None:
        return {}
    return {e: d for e, d in enumerate(found[0]) if d.outcome == "leak" and not on_heap[e]}


def _quiet_tail(table: WindowTable, on_heap: list[bool]) -> Bools:
    guilty = ~table.mix & (table.requests[:, np.array(on_heap, dtype=bool)].sum(axis=1) > 0)
    last = int(np.flatnonzero(guilty)[-1]) if guilty.any() else -1
    return np.asarray(np.arange(len(table)) > last)
