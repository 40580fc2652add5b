"""What resident memory can tell, which is less than it seems.

A container's anonymous memory grows when pages are touched, not when bytes are kept: a leak fills pages that a large
response touched before, so a regression over a mixed schedule blames the large response. Two situations are free of
that: an endpoint driven alone, and endpoints none of which keeps anything on the PHP heap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.analysis.columns import Bools, Indices
from harness.analysis.decide import Decision, Settings, decide, may_leak
from harness.analysis.windows import WindowTable, solo_rows
from harness.model.verdict import Channel, EndpointOutcome

ALONE_WINDOWS = 6
# A native leak grows resident memory in most of its windows, though not in each: pages are 4 KiB.
FEWEST_WINDOWS = 4
GREW_SHARE = 0.75
MOST_NAMED = 3
RESIDENT: tuple[Channel, ...] = ("anon", "private_dirty")
# A channel that was read in fewer windows than this does not count; reading it costs much, so not every sample has it.
TOLD_SHARE = 0.5
# What a process may keep before its resident memory has to grow: ZendMM takes its memory in chunks of this size.
HIDDEN_BYTES_PER_PROCESS = 2 * 1024 * 1024
# Verdicts on the PHP heap of endpoints that leave resident memory alone; garbage touches new pages until it is freed.
FLAT: tuple[EndpointOutcome, ...] = ("clean", "bounded")


# What runs of windows told before: of an endpoint, by the first window and their number.
Known = dict[tuple[int, int, int, Channel], Decision | None]


def decide_alone(
    table: WindowTable,
    channel: Channel,
    settings: Settings,
    mixed: list[Decision],
    processes: int,
    known: Known | None = None,
) -> list[Decision]:
    """Decisions of a run without heaps: of the endpoints driven alone by those windows, others are never blamed.

    `processes` that run PHP may have had free memory to keep things in, and nobody is cleared by less than that.
    `known` is of the looks before, at the same table when it was shorter: most endpoints had no windows since.
    """
    hidden_bytes = HIDDEN_BYTES_PER_PROCESS * max(1, processes)
    known = {} if known is None else known
    return [_alone(table, channel, settings, e, decision, hidden_bytes, known) for e, decision in enumerate(mixed)]


def _alone(
    table: WindowTable, channel: Channel, settings: Settings, e: int, mixed: Decision, hidden_bytes: int, known: Known
) -> Decision:
    rows = solo_rows(table, e, ALONE_WINDOWS)
    run = e, int(np.argmax(rows)), int(rows.sum()), channel
    if run not in known:
        decided = decide(table.select(rows), channel, settings) if rows.any() else None
        known[run] = decided[0][e] if decided else None
    found = known[run]
    if found is not None:
        return replace(_unless_hidden(found, settings, hidden_bytes), requests=mixed.requests)
    if mixed.outcome == "clean":
        return replace(mixed, outcome="inconclusive", note="seems clean beside others; not yet driven alone")
    return replace(mixed, outcome="inconclusive", note=mixed.note or "not yet driven alone")


def _unless_hidden(alone: Decision, settings: Settings, hidden_bytes: int) -> Decision:
    """Resident memory that stands still clears nobody who could have kept the threshold in memory that was free.

    A page, huge or not, is no larger than what a process may have had free, so its steps are in that limit too.
    """
    hidden = hidden_bytes / max(1, alone.requests)
    upper_limit = alone.upper_limit + hidden
    alone = replace(alone, upper_limit=upper_limit, ci95=(alone.ci95[0], alone.ci95[1] + hidden))
    if alone.outcome not in FLAT or upper_limit < settings.threshold_bytes:
        return alone
    needed = int(hidden_bytes / settings.threshold_bytes)
    note = f"resident memory stands still, but may have had room for what it keeps; {needed:,} requests would tell"
    return replace(alone, outcome="inconclusive", note=note)


def resident_channels(table: WindowTable) -> list[Channel]:
    """Those that tell of memory outside of the PHP heap, the one to be believed most first.

    The kernel adds up a container's counters late, after 512 KiB on two CPUs or else every two seconds (Linux,
    mm/memcontrol.c, `FLUSH_TIME`); the processes' own figures are exact, but don't know what processes share.
    """
    there = np.isfinite(list(table.growth.values())).mean(axis=1) if len(table) else ()
    told = dict(zip(table.growth, there, strict=False))
    return [channel for channel in RESIDENT if told.get(channel, 0.0) >= TOLD_SHARE]


def native_leaks(table: WindowTable, settings: Settings, on_heap: list[bool]) -> dict[int, tuple[Channel, Decision]]:
    """Leaks outside of the PHP heap, by endpoint, from the longest stretch of windows that kept no heap memory.

    `on_heap[e]` tells that endpoint e may grow the heap. Either channel may tell, at half the error.
    """
    shared = replace(settings, looks=settings.looks * len(RESIDENT))
    leaks: dict[int, tuple[Channel, Decision]] = {}
    for channel in reversed(RESIDENT):
        quiet = table.select(quiet_stretch(table, on_heap, channel))
        told = len(quiet) >= FEWEST_WINDOWS and may_leak(quiet, channel, shared)
        found = decide(quiet, channel, shared) if told else None
        every = enumerate(found[0]) if found else ()
        leaks |= {e: (channel, d) for e, d in every if d.outcome == "leak" and not on_heap[e]}
    return leaks


def native_suspects(table: WindowTable, settings: Settings, on_heap: list[bool]) -> list[int]:
    """Endpoints in whose group windows resident memory grew as a leak of theirs would have it grow: to be driven by
    themselves, the likeliest first, since one that touches new pages for a moment looks the same.
    """
    channel = _prompt_channel(table)
    if channel is None:
        return []
    rows = table.select(quiet_stretch(table, on_heap) & table.group & np.isfinite(table.growth[channel]))
    driven, grew = rows.requests > 0, rows.growth[channel] > 0
    windows, requests = driven.sum(axis=0), rows.requests.sum(axis=0)
    kept = (driven * np.maximum(rows.growth[channel], 0.0)[:, None]).sum(axis=0)
    mostly = (driven & grew[:, None]).sum(axis=0) >= GREW_SHARE * windows
    suspected = (windows >= FEWEST_WINDOWS) & mostly & (kept > settings.threshold_bytes * requests)
    return [e for e in likeliest_first(rows) if suspected[e] and not on_heap[e]]


def native_note(table: WindowTable, outcomes: Sequence[EndpointOutcome]) -> list[str]:
    """Which endpoints are clean on the PHP heap alone, having had too few windows that would show native memory."""
    told = [channel for channel in RESIDENT if np.isfinite(table.growth[channel]).any()]
    if not told:
        return []
    on_heap = [outcome not in FLAT for outcome in outcomes]
    starts, ends = _quiet_runs(table, on_heap, told[-1])
    lengths = ends - starts
    # A run ends with a window that doesn't count, but for the last.
    long_enough = np.repeat(lengths >= FEWEST_WINDOWS, lengths + 1)[: len(table)]
    long_enough[ends[:-1]] = False
    windows = np.count_nonzero(table.requests[long_enough], axis=0)
    unseen = [
        table.endpoints[e] for e, outcome in enumerate(outcomes) if outcome in FLAT and windows[e] < FEWEST_WINDOWS
    ]
    if not unseen:
        return []
    named = ", ".join(unseen[:MOST_NAMED]) + (f" and {len(unseen) - MOST_NAMED} more" if unseen[MOST_NAMED:] else "")
    return [
        f"native memory, as extensions keep it, was not looked at for {named}: no time was left for windows in which "
        "nothing else grows; give it a longer budget"
    ]


def likeliest_first(table: WindowTable) -> list[int]:
    """All endpoints, by how much more resident memory grew in the group windows with one than in those without it.

    It ranks, and never tests: who touches new pages for a moment ranks high too. Ties are in the endpoints' order.
    """
    channel = _prompt_channel(table)
    every = range(len(table.endpoints))
    rows = table.select(table.group & np.isfinite(table.growth[channel])) if channel else table
    if channel is None or not len(rows):
        return list(every)
    on, growth = (rows.requests > 0).astype(float), rows.growth[channel]
    inside = on.T @ growth / np.maximum(on.sum(axis=0), 1.0)
    outside = (1.0 - on).T @ growth / np.maximum((1.0 - on).sum(axis=0), 1.0)
    return sorted(every, key=lambda e: float(outside[e] - inside[e]))


def _prompt_channel(table: WindowTable) -> Channel | None:
    """The one that shows growth in the very window."""
    return next(reversed(resident_channels(table)), None)


def quiet_stretch(table: WindowTable, on_heap: list[bool], channel: Channel | None = None) -> Bools:
    """The longest run of windows, but for the mix, without an endpoint that may grow the heap.

    With a `channel`: of windows that this channel tells of.
    """
    starts, ends = _quiet_runs(table, on_heap, channel)
    longest = int(np.argmax(ends - starts))
    rows = np.zeros(len(table), dtype=bool)
    rows[starts[longest] : ends[longest]] = True
    return rows


def _quiet_runs(table: WindowTable, on_heap: list[bool], channel: Channel | None) -> tuple[Indices, Indices]:
    """Where all runs of such windows, some of them empty, start and end; never none."""
    guilty = table.mix | table.requests[:, np.array(on_heap, dtype=bool)].any(axis=1)
    if channel is not None:
        guilty = guilty | ~np.isfinite(table.growth[channel])
    between = np.flatnonzero(guilty)
    return np.concatenate([[0], between + 1]), np.append(between, len(table))
