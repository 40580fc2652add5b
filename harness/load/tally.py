"""Counts and latencies of a window: exact counts, latencies in logarithmic buckets so that any number of them fits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from harness.model.base import Value
from harness.model.load import Endpoint, WindowOrder, WindowResult

BUCKETS_PER_E_FOLD = 50
SHORTEST_S = 1e-6


class Counts(Value):
    """What one process saw of a window. `buckets[b]`: latencies in [e^(b/50), e^((b+1)/50)) seconds."""

    outcomes: tuple[dict[str, int], ...]
    buckets: dict[int, int] = {}
    load_s: float = 0.0


class Tally:
    """Counts the outcomes of one window in one process."""

    def __init__(self, endpoints: int) -> None:
        self._outcomes: list[dict[str, int]] = [{} for _ in range(endpoints)]
        self._buckets: dict[int, int] = {}

    def add(self, endpoint: int, outcome: str, latency_s: float) -> None:
        """`outcome` is an HTTP status or a transport error."""
        counts = self._outcomes[endpoint]
        counts[outcome] = counts.get(outcome, 0) + 1
        bucket = bucket_of(latency_s)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1

    def counts(self, load_s: float) -> Counts:
        return Counts(outcomes=tuple(self._outcomes), buckets=self._buckets, load_s=load_s)


def bucket_of(latency_s: float) -> int:
    return math.floor(math.log(max(latency_s, SHORTEST_S)) * BUCKETS_PER_E_FOLD)


def merge(parts: Iterable[Counts]) -> Counts:
    """The sum of what the processes saw; the window lasted as long as the slowest of them."""
    all_parts = list(parts)
    outcomes = [Counter[str]() for _ in all_parts[0].outcomes]
    buckets: Counter[int] = Counter()
    for part in all_parts:
        buckets.update(part.buckets)
        for total, counts in zip(outcomes, part.outcomes, strict=True):
            total.update(counts)
    return Counts(
        outcomes=tuple(dict(total) for total in outcomes),
        buckets=dict(buckets),
        load_s=max(part.load_s for part in all_parts),
    )


def percentile_s(buckets: dict[int, int], fraction: float) -> float | None:
    """The latency that `fraction` of the requests did not exceed, within 1% (the middle of its bucket)."""
    wanted = math.ceil(fraction * sum(buckets.values()))
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= wanted:
            return math.exp((bucket + 0.5) / BUCKETS_PER_E_FOLD)
    return None


def to_result(order: WindowOrder, endpoints: Sequence[Endpoint], counts: Counts) -> WindowResult:
    return WindowResult(
        index=order.index,
        outcomes=counts.outcomes,
        failures=tuple(map(_failures, endpoints, counts.outcomes)),
        load_s=counts.load_s,
        offered_s=sum(order.counts) / order.rate if order.rate else 0.0,
        latency_p50_s=percentile_s(counts.buckets, 0.5),
        latency_p99_s=percentile_s(counts.buckets, 0.99),
    )


def _failures(endpoint: Endpoint, outcomes: dict[str, int]) -> int:
    return sum(count for outcome, count in outcomes.items() if not _expected(endpoint, outcome))


def _expected(endpoint: Endpoint, outcome: str) -> bool:
    return outcome.isdigit() and endpoint.accepts(int(outcome))
