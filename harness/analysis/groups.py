"""What windows of several endpoints at once say of each of them.

Group testing (R. Dorfman, "The Detection of Defective Members of Large Populations", Ann. Math. Statist. 14, 1943): on
the PHP heap an endpoint that keeps nothing adds exactly nothing, so a window that stands still speaks for all that were
in it, and few windows bound many endpoints. What one keeps and another frees can't hide: the groups are drawn anew in
every block, and the growth in windows with an endpoint is held against that in windows without it, which by the
randomisation is unbiased whatever the others do (R. A. Fisher, "The Design of Experiments", 1935).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.analysis.decide import FAR_BYTES, Decision, Settings
from harness.analysis.estimate import POWER, QUANTUM_BYTES
from harness.analysis.numbers import how_many
from harness.analysis.resident import FLAT
from harness.analysis.student import t_quantile
from harness.analysis.windows import Bools, Floats, WindowTable
from harness.model.verdict import Channel

FEWEST_WINDOWS = 3
# Pairs are ranked by the windows of groups, and called by at least so many windows of the two by themselves.
PAIR_WINDOWS = 6
MOST_PAIRS = 3
ROBUSTNESS = 1.1
GREW_TOGETHER = "grew together with others; not yet driven by itself"
TOO_FEW = "too few windows together with others, and none by itself"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two endpoints that keep `bytes_per_request` (of the rarer one) only where both are driven."""

    first: int
    second: int
    bytes_per_request: float


@dataclass(frozen=True, slots=True)
class Shares:
    """What group windows say of p endpoints, in bytes a request: `mean` of the growth in an endpoint's windows, all of
    it blamed on that endpoint; `error` its standard error, `upper` the higher of two limits, of that mean and of the
    difference to the windows without the endpoint; `late` that mean's in the later half of an endpoint's windows.
    `windows` (p,) that each was in.
    """

    mean: Floats
    error: Floats
    upper: Floats
    late: Floats
    windows: Floats


def decide_shared(
    table: WindowTable, channel: Channel, settings: Settings, decisions: Sequence[Decision]
) -> list[Decision]:
    """The decisions, and of endpoints that never had a window to themselves by the group windows: clean, or not yet.

    Windows that held an endpoint which is known to grow, or a pair that is, don't count. As everywhere, growth that
    stopped in the later half, as first uses do, is no leak.
    """
    own = driven_alone(table)
    rows = innocent_rows(table, channel, settings, [decision.outcome in FLAT for decision in decisions])
    if not rows.any():
        return list(decisions)
    shared = _shared(table, shares_of(table.select(rows), channel, settings), decisions, settings)
    return [decision if own[e] else shared[e] for e, decision in enumerate(decisions)]


def driven_alone(table: WindowTable) -> Bools:
    """(p,): endpoints that had a window to themselves."""
    alone = ~table.mix & ~table.group & (how_many(table.requests > 0) == 1)
    return np.asarray(alone.astype(float) @ table.requests > 0)


def innocent_rows(
    table: WindowTable, channel: Channel, settings: Settings, flat: Sequence[bool], since: int = 0
) -> Bools:
    """Group windows, from the `since`-th window on, without an endpoint or a pair that may grow by itself."""
    rows = _flat_groups(table, channel, flat) & (np.arange(len(table)) >= since)
    for pair in growing_pairs(table, channel, settings, flat):
        rows &= ~_both(table, pair.first, pair.second)
    return rows


def shares_of(rows: WindowTable, channel: Channel, settings: Settings) -> Shares:
    """Of rows that are all group windows."""
    growth, quantum = rows.growth[channel], QUANTUM_BYTES[channel]
    on = rows.requests > 0
    windows = on.sum(axis=0).astype(float)
    level = 1.0 - settings.alpha / max(1, len(rows.endpoints))
    mean, error, upper = _blamed(rows.requests, growth, quantum, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        against = _against_others(on, growth, rows.requests.sum(axis=0) / windows, level)
    later = np.cumsum(on, axis=0) > windows / 2.0
    _, _, late = _blamed(np.where(later, rows.requests, 0.0), growth, quantum, level)
    return Shares(mean, error, np.fmax(upper, against), late, windows)


def _blamed(sent: Floats, growth: Floats, quantum: float, level: float) -> tuple[Floats, Floats, Floats]:
    """Mean, error and upper limit (p,) of the growth of the windows in which an endpoint had requests `sent` (n, p)."""
    on = sent > 0
    windows, requests = on.sum(axis=0).astype(float), sent.sum(axis=0)
    known = windows >= FEWEST_WINDOWS
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (on * growth[:, None]).sum(axis=0) / requests
        misfit = on * (growth[:, None] - np.nan_to_num(mean) * sent)
        error = np.sqrt(windows / (windows - 1.0) * (misfit**2).sum(axis=0)) / requests
        rounding = quantum / math.sqrt(12.0) * np.sqrt(windows) / requests
        upper = mean + t_quantile(level, np.maximum(windows - 1.0, 1.0)) * error + t_quantile(level, 1e6) * rounding
    return (
        np.where(known, mean, 0.0),
        np.where(known, np.hypot(error, rounding), np.inf),
        np.where(known, upper, np.inf),
    )


def never_still(
    table: WindowTable, channel: Channel, settings: Settings, flat: Sequence[bool], since: int = 0
) -> list[int]:
    """Endpoints all of whose group windows grew by as much as a leak of theirs would: to be driven by themselves."""
    rows = table.select(innocent_rows(table, channel, settings, flat, since))
    on = rows.requests > 0
    still = on & (rows.growth[channel][:, None] < rows.requests * settings.threshold_bytes / 2.0)
    own = driven_alone(table.select(np.arange(len(table)) >= since))
    found = (on.sum(axis=0) >= FEWEST_WINDOWS) & ~still.any(axis=0) & ~own
    return [int(e) for e in np.flatnonzero(found)]


def unexplained(table: WindowTable, channel: Channel, settings: Settings, flat: Sequence[bool], since: int = 0) -> int:
    """How many group windows of endpoints that keep nothing by themselves grew as if one of them did."""
    rows = table.select(innocent_rows(table, channel, settings, flat, since))
    least = np.where(rows.requests > 0, rows.requests, np.inf).min(axis=1, initial=np.inf)
    return int((rows.growth[channel] >= least * settings.threshold_bytes).sum())


def likely_pairs(
    table: WindowTable, channel: Channel, settings: Settings, flat: Sequence[bool]
) -> list[tuple[int, int]]:
    """The pairs whose windows grew beyond all others most clearly; a ranking, to be tried by themselves."""
    rows = table.select(innocent_rows(table, channel, settings, flat))
    on, growth = (rows.requests > 0).astype(float), rows.growth[channel]
    if not (growth > QUANTUM_BYTES[channel]).any():
        return []
    both, total, squares = on.T @ on, on.T @ (on * growth[:, None]), on.T @ (on * (growth**2)[:, None])
    rest = len(growth) - both
    with np.errstate(divide="ignore", invalid="ignore"):
        inside, outside = total / both, (growth.sum() - total) / rest
        spread = squares / both - inside**2 + ((growth**2).sum() - squares) / rest - outside**2
        score = (inside - outside) / np.sqrt(np.maximum(spread, QUANTUM_BYTES[channel] ** 2))
    score[(both < 2) | (rest < 2) | ~np.isfinite(score)] = -np.inf
    for pair in _tried(rows):
        score[pair] = -np.inf
    first, second = np.triu_indices(len(score), k=1)
    best = np.argsort(-score[first, second], kind="stable")[:MOST_PAIRS]
    return [(int(first[k]), int(second[k])) for k in best if score[first[k], second[k]] > 0]


def growing_pairs(table: WindowTable, channel: Channel, settings: Settings, flat: Sequence[bool]) -> tuple[Pair, ...]:
    """Pairs of flat endpoints that surely keep more than the threshold in windows of just the two.

    Both had windows by themselves: who leaks alone, late or at times, would seem to in any company.
    """
    rows, alone = table.select(_flat_groups(table, channel, flat)), driven_alone(table)
    tried = [(first, second) for first, second in _tried(rows) if alone[first] and alone[second]]
    if not tried:
        return ()
    level = 1.0 - settings.alpha / len(tried)
    by_time = _by_time(table, channel, level)
    found = (_pair(rows, channel, first, second, level, by_time) for first, second in tried)
    return tuple(pair for pair, lower in found if lower > settings.threshold_bytes)


def _tried(rows: WindowTable) -> list[tuple[int, int]]:
    """Pairs, the lower index first, that had their windows of just the two."""
    on = rows.requests > 0
    duets = Counter(
        (int(first), int(second)) for first, second in (np.flatnonzero(row) for row in on if row.sum() == 2)
    )
    return sorted(pair for pair, windows in duets.items() if windows >= PAIR_WINDOWS)


def pairs_note(table: WindowTable, pairs: Sequence[Pair]) -> list[str]:
    """What a person should know of each pair."""
    return [
        f"{table.endpoints[pair.first]} with {table.endpoints[pair.second]}: together they keep "
        f"{pair.bytes_per_request:,.0f} B a request of each, and neither does by itself"
        for pair in pairs
    ]


def _flat_groups(table: WindowTable, channel: Channel, flat: Sequence[bool]) -> Bools:
    """Group windows of endpoints that are `flat` by themselves, or never were by themselves."""
    guilty = driven_alone(table) & ~np.asarray(flat, dtype=bool)
    whole = table.group & ~table.broken & np.isfinite(table.growth[channel])
    rows = np.flatnonzero(whole)
    whole[rows] = ~(table.requests[rows][:, guilty] > 0).any(axis=1)
    return np.asarray(whole)


def _both(table: WindowTable, first: int, second: int) -> Bools:
    return np.asarray((table.requests[:, first] > 0) & (table.requests[:, second] > 0))


def _against_others(on: Bools, growth: Floats, sent: Floats, level: float) -> Floats:
    """Upper limits by the difference of the windows with an endpoint, of `sent` requests each, and those without."""
    inside, outside = on.astype(float), (~on).astype(float)
    limits = []
    for part in (inside, outside):
        count = part.sum(axis=0)
        mean = (part * growth[:, None]).sum(axis=0) / count
        spread = (part * (growth[:, None] - np.nan_to_num(mean)) ** 2).sum(axis=0) / (count - 1.0) / count
        limits.append((count, mean, spread))
    (count_in, mean_in, spread_in), (count_out, mean_out, spread_out) = limits
    freedom = np.maximum(np.minimum(count_in, count_out) - 1.0, 1.0)
    limit = (mean_in - mean_out + t_quantile(level, freedom) * np.sqrt(spread_in + spread_out)) / sent
    return np.asarray(np.where((count_in >= 2) & (count_out >= 2), limit, -np.inf))


def _by_time(table: WindowTable, channel: Channel, level: float) -> tuple[float, float]:
    """Growth by itself in idle windows, bytes a second, and how far above that it may be; 0 without idle windows."""
    growth = table.growth[channel]
    idle = ~(table.requests > 0).any(axis=1) & ~table.broken & np.isfinite(growth)
    count, seconds = int(idle.sum()), float(table.duration_s[idle].sum())
    if count < FEWEST_WINDOWS or not seconds:
        return 0.0, 0.0
    slope = float(growth[idle].sum()) / seconds
    misfit = growth[idle] - slope * table.duration_s[idle]
    error = math.sqrt(count / (count - 1.0) * float(misfit @ misfit)) / seconds
    return slope, float(t_quantile(level, count - 1.0)) * error


def _pair(
    rows: WindowTable, channel: Channel, first: int, second: int, level: float, by_time: tuple[float, float]
) -> tuple[Pair, float]:
    """The pair with what it keeps beyond what grows by itself, and the lower limit of that."""
    alone = _both(rows, first, second) & (how_many(rows.requests > 0) == 2)
    sent = np.minimum(rows.requests[alone, first], rows.requests[alone, second])
    slope, margin = by_time
    kept = (rows.growth[channel][alone] - slope * rows.duration_s[alone]) / sent
    error = float(kept.std(ddof=1)) / math.sqrt(len(kept))
    unsure = margin * float((rows.duration_s[alone] / sent).mean())
    lower = float(kept.mean()) - float(t_quantile(level, len(kept) - 1)) * error - unsure
    return Pair(first, second, float(kept.mean())), lower


def _shared(table: WindowTable, shares: Shares, decisions: Sequence[Decision], settings: Settings) -> list[Decision]:
    """What the group windows say of each endpoint."""
    requests = table.requests.sum(axis=0)
    freedom = shares.windows - 1.0
    upper, known = np.minimum(shares.upper, shares.late), np.isfinite(shares.upper)
    with np.errstate(invalid="ignore"):
        beside = t_quantile(0.975, freedom) * shares.error
        found = ROBUSTNESS * (t_quantile(1.0 - settings.alpha / len(table.endpoints), freedom) * shares.error)
        detectable = np.minimum(FAR_BYTES, found + ROBUSTNESS * t_quantile(POWER, freedom) * shares.error)
    return [
        _together(
            float(shares.mean[e]),
            float(beside[e]),
            float(upper[e]),
            float(detectable[e]),
            int(requests[e]),
            settings.threshold_bytes,
        )
        if known[e]
        else replace(decision, outcome="inconclusive", note=TOO_FEW, requests=int(requests[e]))
        for e, decision in enumerate(decisions)
    ]


def _together(
    mean: float, beside: float, upper: float, detectable: float, requests: int, threshold_bytes: float
) -> Decision:
    clean = upper < threshold_bytes
    return Decision(
        outcome="clean" if clean else "inconclusive",
        bytes_per_request=mean,
        typical=mean,
        ci95=(max(-FAR_BYTES, mean - beside), min(FAR_BYTES, mean + beside)),
        p_value=1.0,
        upper_limit=min(FAR_BYTES, upper),
        detectable=detectable,
        requests=requests,
        note="" if clean else GREW_TOGETHER,
    )
