"""Verdicts from a screening, in which the retained bytes of every single request are known exactly.

A leak keeps something with every request; what is kept now and then, less and less, or only until the collector runs,
is something else. Rare jumps by powers of two are the doublings of the array that holds a leak.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness.analysis.decide import GARBAGE_SHARE, Settings
from harness.analysis.garbage import ROOTS_PER_REQUEST
from harness.analysis.windows import TRUNCATED, Bools, Floats
from harness.model.screen import ScreenRecording, ScreenRequest
from harness.model.verdict import EndpointOutcome, EndpointVerdict, Outcome, Verdict

# First uses of an endpoint in a process: classes are loaded, caches and connections are made.
FIRST_USES = 2
CLEAN_AFTER = 16
LEAK_AFTER = 30
# More requests than this that keep nothing speak of a cache that is hit.
HITS_SHARE = 0.01
# A cache fills up when the share of requests that it keeps something of surely falls, to this part of what it was.
FILLING_SHARE = 0.6
FILLING_LEVEL = 0.999
NO_COLLECTION = "the cycle collector did not run in these requests: uncollected garbage would look like a leak"


# The normal quantile of 99% limits.
MEDIAN_QUANTILE = 2.58


@dataclass(frozen=True, slots=True)
class Retained:
    """Bytes kept by each request of one endpoint, in order, with the first uses in each process left out.

    `roots`: the possible roots of cycles that a typical request leaves behind, NaN where it isn't known.
    """

    steady: Floats
    roots: float
    requests: int

    @property
    def typical(self) -> float:
        return float(np.median(self.steady)) if len(self.steady) else 0.0

    @property
    def late(self) -> Floats:
        return self.steady[len(self.steady) // 2 :]


def retained_bytes(recording: ScreenRecording) -> list[Retained]:
    """One for each endpoint. Requests in which a process was born or died are counted, but tell nothing."""
    kept: dict[int, list[float]] = defaultdict(list)
    sent: dict[int, int] = defaultdict(int)
    uses: dict[tuple[int, int], int] = defaultdict(int)
    roots: dict[int, list[float]] = defaultdict(list)
    for request in recording.requests:
        sent[request.endpoint] += 1
        if request.roots is not None:
            roots[request.endpoint].append(request.roots)
        whole = all(None not in change for change in request.heaps.values())
        first = [_is_first_use(uses, request.endpoint, pid) for pid in request.heaps]
        if whole and not any(first) and sent[request.endpoint] > FIRST_USES:
            kept[request.endpoint].append(_change(request))
    every = range(len(recording.header.endpoints))
    return [Retained(np.array(kept[e]), float(np.median(roots[e] or [np.nan])), sent[e]) for e in every]


def screen_verdict(recording: ScreenRecording, settings: Settings, *, run_id: str = "") -> Verdict:
    """The verdict of a screening as far as one request at a time can tell; the rest is inconclusive."""
    names = recording.header.endpoints
    endpoints = tuple(
        _endpoint(name, retained, settings) for name, retained in zip(names, retained_bytes(recording), strict=True)
    )
    verdicts = {endpoint.verdict for endpoint in endpoints}
    outcome: Outcome = "leak" if "leak" in verdicts else "inconclusive" if "inconclusive" in verdicts else "clean"
    return Verdict(
        run_id=run_id,
        outcome=outcome,
        endpoints=endpoints,
        time_driven_bytes_per_second=_drift(recording),
        notes=(*recording.header.notes, *_notes(recording, outcome)),
        environment={"target": recording.header.target, "schedule": {"kind": "screen", "seed": recording.header.seed}},
    )


def _endpoint(name: str, retained: Retained, settings: Settings) -> EndpointVerdict:
    outcome, note = judge(retained, settings)
    mean, low, high = _mean(retained)
    kept = int((retained.steady > settings.threshold_bytes).sum())
    return EndpointVerdict(
        name=name,
        verdict=outcome,
        bytes_per_request=round(mean, 3),
        typical_bytes_per_request=retained.typical,
        typical_error=round(_typical_error(retained), 3),
        freedom=max(1.0, len(retained.steady) - 1.0),
        ci95=(round(low, 3), round(high, 3)),
        p_value=_sign_test(kept, len(retained.steady)),
        requests=retained.requests,
        channel="php_heap",
        note=note,
    )


def judge(retained: Retained, settings: Settings) -> tuple[EndpointOutcome, str]:
    """Verdict and note for one endpoint; "inconclusive" asks for more requests."""
    steady, late, threshold = retained.steady, retained.late, settings.threshold_bytes
    if len(steady) < CLEAN_AFTER:
        return "inconclusive", f"only {len(steady)} requests after the first uses"
    gained, given_back = float(steady[steady > 0].sum()), float(-steady[steady < 0].sum())
    if retained.typical > threshold and given_back > GARBAGE_SHARE * gained:
        return "garbage", f"keeps {retained.typical:.0f} B a request until the cycle collector runs"
    if float(np.mean(late > 0)) < 0.1 and float(late.mean()) < threshold:
        early = steady[: len(steady) // 4]
        if float(np.median(early)) > threshold:
            return "bounded", f"kept {np.median(early):.0f} B a request at first, then nothing"
        return "clean", ""
    if retained.typical <= threshold and not _fills_up(steady > 0):
        small = float(late.mean()) + 3.0 * float(late.std()) / math.sqrt(len(late)) < threshold
        return ("clean", "") if small else ("inconclusive", "keeps memory now and then; only load can tell how much")
    return _growing(steady, retained.roots)


def _growing(steady: Floats, roots: float) -> tuple[EndpointOutcome, str]:
    if _fills_up(steady > 0):
        first, last = (np.mean(part > 0) for part in (_quarters(steady)[0], _quarters(steady)[-1]))
        return "bounded", f"fills up: kept memory with {first:.0%} of the first requests and {last:.0%} of the last"
    hits = float(np.mean(steady <= 0))
    if hits > HITS_SHARE:
        return "inconclusive", f"keeps nothing with {hits:.0%} of the requests: a cache that begins to fill?"
    if len(steady) < LEAK_AFTER:
        return "inconclusive", f"kept memory with all of {len(steady)} requests so far"
    if roots >= ROOTS_PER_REQUEST:
        return "inconclusive", (
            f"kept memory with all of {len(steady)} requests, but it may be garbage: each left {roots:.0f} possible "
            "roots of cycles, and the collector has not run"
        )
    return "leak", ""


def _fills_up(kept: Bools) -> bool:
    """Whether the last quarter keeps surely less often than the first (Fisher's exact test)."""
    first, last = _quarters(kept)[0], _quarters(kept)[-1]
    surely = _exact_test(first, last) < 1.0 - FILLING_LEVEL
    return bool(surely and last.mean() < FILLING_SHARE * first.mean())


def _exact_test(first: Bools, last: Bools) -> float:
    """Fisher's one-sided p-value: the chance of so many of all that were kept, or more, to be among the first ones.

    The tail of the hypergeometric distribution, from scipy.special: scipy.stats takes a second to import.
    """
    kept, everything = int(first.sum() + last.sum()), len(first) + len(last)
    among_first = np.arange(first.sum(), min(len(first), kept) + 1)
    ways = _log_binomial(len(first), among_first) + _log_binomial(len(last), kept - among_first)
    return float(np.exp(ways - _log_binomial(everything, np.array([kept]))).sum())


def _log_binomial(of: int, chosen: NDArray[Any]) -> Floats:
    return np.asarray(-np.log1p(of) - special.betaln(of - chosen + 1, chosen + 1))


def _quarters(values: NDArray[Any]) -> list[NDArray[Any]]:
    return np.array_split(values, 4)


def _mean(retained: Retained) -> tuple[float, float, float]:
    """Mean bytes a request with 95% limits: the typical request is exact, the jumps as sure as they are many."""
    steady = retained.steady
    if not len(steady):
        return 0.0, 0.0, 0.0
    jumps = steady - retained.typical
    error = 1.96 * math.sqrt(float((jumps**2).sum())) / len(steady)
    mean = float(steady.mean())
    return mean, retained.typical if 0 < retained.typical <= mean else mean - error, mean + error


def _typical_error(retained: Retained) -> float:
    """Standard error of the median, from its limits by order statistics: 0 where most requests kept the very same."""
    ordered, count = np.sort(retained.steady), len(retained.steady)
    if not count:
        return 0.0
    half = MEDIAN_QUANTILE * math.sqrt(count) / 2.0
    low, high = max(0, math.floor(count / 2.0 - half)), min(count - 1, math.ceil(count / 2.0 + half))
    return float(max(ordered[high] - retained.typical, retained.typical - ordered[low])) / MEDIAN_QUANTILE


def _sign_test(kept: int, requests: int) -> float:
    """The chance that so many of the requests or more keep something, if each did so by the toss of a coin."""
    return float(special.bdtrc(kept - 1, requests, 0.5)) if kept else 1.0


def _notes(recording: ScreenRecording, outcome: Outcome) -> list[str]:
    notes = [TRUNCATED] if recording.truncated else []
    told = any(_change(request) < 0 or request.roots is not None for request in recording.requests)
    return notes if told or outcome != "leak" else [*notes, NO_COLLECTION]


def _is_first_use(uses: dict[tuple[int, int], int], endpoint: int, pid: int) -> bool:
    uses[endpoint, pid] += 1
    return uses[endpoint, pid] <= FIRST_USES


def _change(request: ScreenRequest) -> float:
    changes = (after - before for before, after in request.heaps.values() if before is not None and after is not None)
    return float(sum(changes))


def _drift(recording: ScreenRecording) -> float:
    """Bytes a second that the heaps grew between requests: no request's fault."""
    last: dict[int, int] = {}
    between = 0
    for request in recording.requests:
        for pid, (before, after) in request.heaps.items():
            if before is not None and pid in last:
                between += before - last[pid]
            if after is not None:
                last[pid] = after
    duration_s = recording.requests[-1].elapsed_s if recording.requests else 0.0
    return round(max(0.0, between / duration_s), 3) if duration_s else 0.0
