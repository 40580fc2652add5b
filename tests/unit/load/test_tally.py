"""Counting outcomes: the sum over processes is what one process would have counted."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.tally import Counts, Tally, merge, percentile_s, to_result
from harness.model.load import Endpoint, Request, WindowOrder

latency = st.floats(min_value=1e-5, max_value=100)
events_strategy = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["200", "500", "timeout"]), latency), max_size=60
)


def count(events: list[tuple[int, str, float]], load_s: float = 1.0) -> Counts:
    tally = Tally(3)
    for endpoint, outcome, latency_s in events:
        tally.add(endpoint, outcome, latency_s)
    return tally.counts(load_s)


@given(first=events_strategy, second=events_strategy)
def test_merging_two_processes_counts_as_one_process_would(
    first: list[tuple[int, str, float]], second: list[tuple[int, str, float]]
) -> None:
    merged = merge([count(first, 1.0), count(second, 2.0)])
    assert merged == count(first + second, 2.0)


@given(latencies=st.lists(latency, min_size=1, max_size=200), fraction=st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]))
def test_percentiles_are_within_one_percent(latencies: list[float], fraction: float) -> None:
    found = percentile_s(count([(0, "200", each) for each in latencies]).buckets, fraction)
    rank = max(1, math.ceil(fraction * len(latencies)))
    assert found == pytest.approx(sorted(latencies)[rank - 1], rel=0.0101)


def test_no_requests_have_no_percentile() -> None:
    assert percentile_s({}, 0.5) is None


def test_counts_survive_the_way_to_the_master() -> None:
    counts = count([(0, "200", 0.01), (2, "timeout", 1.0)])
    assert Counts.model_validate_json(counts.model_dump_json()) == counts


def test_a_result_tells_failures_and_what_the_rate_would_have_taken() -> None:
    endpoints = [
        Endpoint(name="a", request=Request(path="/a")),
        Endpoint(name="b", request=Request(path="/b"), expect=(404,)),
        Endpoint(name="c", request=Request(path="/c")),
    ]
    events = [(0, "200", 0.1), (0, "302", 0.1), (0, "500", 0.1), (1, "404", 0.1), (1, "200", 0.1), (2, "timeout", 1)]
    order = WindowOrder(index=7, counts=(3, 2, 1), rate=3)
    result = to_result(order, endpoints, count(events, 2.5))
    assert result.requests == order.counts
    assert result.failures == (1, 1, 1)
    assert (result.index, result.load_s, result.offered_s) == (7, 2.5, 2.0)
