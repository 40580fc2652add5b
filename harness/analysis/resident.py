"""What resident memory can tell, which is less than it seems.

A container's anonymous memory grows when pages are touched, not when bytes are kept: a leak fills pages that a large
response touched before, so a regression over a mixed schedule blames the large response. Two situations are free of
that: windows in each of which every endpoint has at least a few requests, so that the most that is ever in use lies
above what is kept by the same amount in all; and endpoints none of which keeps anything on the PHP heap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.analysis.columns import Bools, Floats, Indices
from harness.analysis.decide import Decision, Settings, decide, may_leak
from harness.analysis.estimate import QUANTUM_BYTES, Estimates
from harness.analysis.numbers import how_many
from harness.analysis.windows import WindowTable
from harness.model.verdict import Channel, EndpointOutcome, Verdict

# A native leak grows resident memory in most of its windows, though not in each: pages are 4 KiB.
FEWEST_WINDOWS = 4
GREW_SHARE = 0.75
FEWEST_PAGES = 3
LIKELY_SHARE = 0.5
# Growth that is surely there, at this level, and may be more than the threshold.
SURE = 0.99
MOST_NAMED = 3
RESIDENT: tuple[Channel, ...] = ("anon", "private_dirty")
# What decides without heaps, the one that shows growth most promptly and exactly first.
PROMPT: tuple[Channel, ...] = ("private_dirty", "rss", "anon")
# A channel that was read in fewer windows than this does not count; reading it costs much, so not every sample has it.
TOLD_SHARE = 0.5
# What a process may keep before its resident memory has to grow: ZendMM takes its memory in chunks of this size.
HIDDEN_BYTES_PER_PROCESS = 2 * 1024 * 1024
SUSPECTED = (
    "the PHP heaps stand still, but the processes' memory grew with it, as it does where an extension keeps some; "
    "there was too little time to drive it by itself: give it a longer budget"
)
# Verdicts on the PHP heap of endpoints that leave resident memory alone; garbage touches new pages until it is freed.
FLAT: tuple[EndpointOutcome, ...] = ("clean", "bounded")


def decide_level(
    table: WindowTable, channel: Channel, settings: Settings, processes: int
) -> tuple[list[Decision], Estimates] | None:
    """Decisions of a run without heaps, by the level windows; None where there are too few of them.

    `processes` that run PHP may have had free memory to keep things in, and nobody is cleared by less than that,
    unless a leak goes on: what is kept of it fills free memory first, and so shows that none is left.
    """
    found = decide(table.select(level_rows(table)), channel, settings)
    if found is None:
        return None
    decisions, whole = found
    grows = settings.alpha / len(decisions)
    full = any(decision.p_value < grows and decision.outcome not in FLAT for decision in decisions)
    hidden_bytes = 0 if full else HIDDEN_BYTES_PER_PROCESS * max(1, processes)
    return [_unless_hidden(decision, settings, hidden_bytes) for decision in decisions], whole


def level_rows(table: WindowTable) -> Bools:
    """Windows of load in which all endpoints had requests, and idle ones: the same pages are touched in all of them."""
    driven = table.requests > 0
    return np.asarray((driven.all(axis=1) | ~driven.any(axis=1)) & ~table.mix & ~table.group)


def _unless_hidden(level: Decision, settings: Settings, hidden_bytes: int) -> Decision:
    """Resident memory that stands still clears nobody who could have kept the threshold in memory that was free.

    A page, huge or not, is no larger than what a process may have had free, so its steps are in that limit too.
    """
    hidden = hidden_bytes / max(1, level.requests)
    upper_limit = level.upper_limit + hidden
    level = replace(level, upper_limit=upper_limit, ci95=(level.ci95[0], level.ci95[1] + hidden))
    if level.outcome not in FLAT or upper_limit < settings.threshold_bytes:
        return level
    needed = int(hidden_bytes / settings.threshold_bytes)
    note = f"resident memory stands still, but may have had room for what it keeps; {needed:,} requests would tell"
    return replace(level, outcome="inconclusive", note=note)


def resident_channels(table: WindowTable) -> list[Channel]:
    """Those that tell of memory outside of the PHP heap, the one to be believed most first.

    The kernel adds up a container's counters late, after 512 KiB on two CPUs or else every two seconds (Linux,
    mm/memcontrol.c, `FLUSH_TIME`); the processes' own figures are exact, but don't know what processes share.
    """
    return _told_of(table, RESIDENT)


def level_channel(table: WindowTable) -> Channel | None:
    """The one that decides without heaps; None where there is none."""
    return next(iter(_told_of(table, PROMPT)), None)


def _told_of(table: WindowTable, channels: Sequence[Channel]) -> list[Channel]:
    there = np.isfinite(list(table.growth.values())).mean(axis=1) if len(table) else ()
    told = dict(zip(table.growth, there, strict=False))
    return [channel for channel in channels if told.get(channel, 0.0) >= TOLD_SHARE]


def native_leaks(table: WindowTable, settings: Settings, on_heap: list[bool]) -> dict[int, tuple[Channel, Decision]]:
    """Leaks outside of the PHP heap, by endpoint, from the longest stretch of windows that kept no heap memory.

    `on_heap[e]` tells that endpoint e may grow the heap. Either channel may tell, at half the error, and always by the
    robust fit: what touches pages once is in few windows of few endpoints, and no smooth noise of all.
    """
    shared = replace(settings, looks=settings.looks * len(RESIDENT), estimator="robust")
    leaks: dict[int, tuple[Channel, Decision]] = {}
    for channel in reversed(RESIDENT):
        quiet = table.select(quiet_stretch(table, on_heap, channel))
        told = len(quiet) >= FEWEST_WINDOWS and may_leak(quiet, channel, shared)
        found = decide(quiet, channel, shared) if told else None
        every = enumerate(found[0]) if found else ()
        leaks |= {e: (channel, d) for e, d in every if d.outcome == "leak" and not on_heap[e]}
    return leaks


def native_suspects(
    table: WindowTable, settings: Settings, on_heap: list[bool], explained: Floats | None = None
) -> list[int]:
    """Endpoints in whose group windows resident memory grew as a leak of theirs would have it grow: to be driven by
    themselves, the likeliest first, since one that touches new pages for a moment looks the same.

    By the windows, where there are enough, in which the smallest growth called a leak fills a page at least: most of
    them grew. By all windows otherwise: together they grew by some pages, and by more than those without it, as much
    more as for the likeliest or half of it. `explained` (n,) bytes of the growth are of leaks that are known.
    """
    channel = _prompt_channel(table)
    if channel is None:
        return []
    known = np.zeros(len(table)) if explained is None else explained
    chosen = quiet_stretch(table, on_heap) & table.group & np.isfinite(table.growth[channel])
    rows = table.select(chosen)
    grown = np.maximum(_without_bursts(rows, channel), 0.0) - known[chosen]
    telling = rows.requests * settings.threshold_bytes >= QUANTUM_BYTES[channel]
    enough = telling.sum(axis=0) >= FEWEST_WINDOWS
    driven = np.where(enough, telling, rows.requests > 0)
    windows, requests = driven.sum(axis=0), (driven * rows.requests).sum(axis=0)
    kept = (driven * grown[:, None]).sum(axis=0)
    mostly = (driven & (grown > 0)[:, None]).sum(axis=0) >= GREW_SHARE * windows
    more = _beside_others(rows, grown)
    likely = (more > 0) & (more >= LIKELY_SHARE * more.max(initial=0.0))
    together = ~enough & likely & (kept >= FEWEST_PAGES * QUANTUM_BYTES[channel])
    suspected = (windows >= FEWEST_WINDOWS) & (mostly | together) & (kept > settings.threshold_bytes * requests)
    return [e for e in likeliest_first(rows) if suspected[e] and not on_heap[e]]


def native_undecided(table: WindowTable, settings: Settings, on_heap: list[bool]) -> list[int]:
    """Endpoints that surely keep native memory by windows of their own, and seem to keep more than the threshold."""
    channel = _prompt_channel(table.select(quiet_stretch(table, on_heap)))
    quiet = table.select(quiet_stretch(table, on_heap, channel))
    found = decide(quiet, channel, replace(settings, estimator="robust")) if channel else None
    if found is None or len(quiet) < FEWEST_WINDOWS:
        return []
    least = found[1].fit.lower(SURE)
    return [
        e
        for e, decision in enumerate(found[0])
        if decision.outcome == "inconclusive" and least[e] > 0 and decision.typical > settings.threshold_bytes
    ]


def with_suspects(verdict: Verdict, table: WindowTable, settings: Settings) -> Verdict:
    """The verdict of a run at its end: who may keep native memory, and was not driven by itself enough, isn't clean.

    What the native leaks that were found explain is nobody else's.
    """
    by_heap = [found.channel == "php_heap" for found in verdict.endpoints]
    if not any(by_heap):
        return verdict
    rates = np.where(by_heap, 0.0, [found.bytes_per_request for found in verdict.endpoints])
    on_heap = [by_heap[e] and found.verdict not in FLAT for e, found in enumerate(verdict.endpoints)]
    quiet = table.select(quiet_stretch(table, on_heap))
    alone = quiet.select(how_many(quiet.requests > 0) == 1)
    suspects = {
        e
        for e in native_suspects(quiet, settings, on_heap, quiet.requests @ rates)
        if np.count_nonzero(alone.requests[:, e]) < FEWEST_WINDOWS
    }
    suspects |= set(native_undecided(table, settings, on_heap))
    suspects -= {e for e, found in enumerate(verdict.endpoints) if found.verdict not in FLAT}
    if not suspects:
        return verdict
    endpoints = tuple(
        found.model_copy(update={"verdict": "inconclusive", "note": SUSPECTED}) if e in suspects else found
        for e, found in enumerate(verdict.endpoints)
    )
    outcome = "inconclusive" if verdict.outcome == "clean" else verdict.outcome
    return verdict.model_copy(update={"endpoints": endpoints, "outcome": outcome})


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
    more = _beside_others(rows, _without_bursts(rows, channel))
    return sorted(every, key=lambda e: -float(more[e]))


def _without_bursts(rows: WindowTable, channel: Channel) -> Floats:
    """Growth (n,) of windows of load; what one grew by far more than most that grew, for its requests, is no leak of
    those in it, who are in half of the others.
    """
    growth, requests = rows.growth[channel], rows.requests.sum(axis=1)
    most = np.quantile(growth / np.maximum(requests, 1.0), GREW_SHARE) if len(rows) else 0.0
    return np.asarray(np.minimum(growth, np.maximum(most * requests, QUANTUM_BYTES[channel])))


def _beside_others(rows: WindowTable, growth: Floats) -> Floats:
    """By endpoint (p,): the mean growth of the windows with it, less that of those without it."""
    on = (rows.requests > 0).astype(float)
    inside = on.T @ growth / np.maximum(on.sum(axis=0), 1.0)
    outside = (1.0 - on).T @ growth / np.maximum((1.0 - on).sum(axis=0), 1.0)
    return np.asarray(inside - outside)


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
