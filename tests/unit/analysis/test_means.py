"""What is said to be kept is what was kept: means against the whole growth, limits against the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.channels import by_channel, contradiction
from harness.analysis.decide import Settings, decide
from harness.analysis.estimate import estimate
from harness.analysis.windows import window_table
from tests.unit.analysis.recordings import Machine, appended, blocks, clean, mix, record, warmup
from tests.unit.analysis.runs import OTHERS, among_others, as_run, by_name, verdict
from tests.unit.analysis.simulate import one_at_a_time, table_of


@settings(deadline=None, derandomize=True, max_examples=20)
@given(size=st.sampled_from([80, 320, 800]), held=st.integers(0, 5000), seed=st.integers(0, 1000))
def test_what_an_endpoint_kept_is_its_heaps_growth_over_its_requests(size: int, held: int, seed: int) -> None:
    """Doublings of its array and all; within a twentieth, and so are the limits around it."""
    app = among_others(appended(size, held))
    whole = record(app, [*warmup(app), *blocks(app, 8, seed=seed)], Machine(seed=seed))
    table = window_table(whole)
    own = table.requests[:, 3] > 0
    kept = float(table.growth["php_heap"][own].sum() / table.requests[own, 3].sum())
    found = estimate(table, "php_heap")
    assert found.mean[3] == pytest.approx(kept, rel=0.05)
    assert found.lower(0.975)[3] <= kept <= found.upper(0.975)[3]


@pytest.mark.parametrize("others", [1, 4, 20])
def test_a_pair_that_leaks_together_is_found_however_many_others_are_in_the_mix(others: int) -> None:
    app = {"a": clean, "b": clean, **{f"other {i}": clean for i in range(others)}}
    windows = [*as_run(app, 4), *mix(app)]
    pair = verdict(app, windows, Machine(together=lambda sent: 128 * min(sent[0], sent[1]) * (min(sent) > 0)))
    apart = verdict(app, windows, Machine(together=lambda sent: 16 * min(sent[0], sent[1]) * (min(sent) > 0)))
    assert pair.outcome == "leak"
    assert {endpoint.verdict for endpoint in pair.endpoints} == {"clean"}
    assert pair.unattributed_bytes_per_request == pytest.approx(128 / len(app), rel=0.1)
    assert apart.outcome == "clean"


def test_noise_in_the_mix_is_no_pair() -> None:
    windows = [*as_run(OTHERS), *mix(OTHERS)]
    found = [verdict(OTHERS, windows, Machine(reading=1500.0, seed=seed)) for seed in range(12)]
    assert {(one.outcome, one.unattributed_bytes_per_request) for one in found} == {("clean", 0.0)}


def test_few_idle_windows_are_helped_by_the_noise_of_all() -> None:
    """Growth by time among eight endpoints, of four idle windows: sure at 99% for each of eleven looks."""
    draw, sure, covered = np.random.default_rng(1), 0, 0
    for _ in range(100):
        requests = one_at_a_time(8, 4, draw)
        growth = 20_000 + draw.normal(0, 2000, len(requests))
        time = estimate(table_of(requests, growth), "php_heap").time
        assert time is not None
        sure += time.lower(1 - 0.01 / 11) > 0
        covered += time.lower(0.975) <= 40_000 <= time.upper(0.975)
    assert sure >= 95
    assert covered >= 90


def test_leaks_at_the_threshold_are_called_by_one_run_in_a_hundred_over_all_its_looks() -> None:
    draw, called, runs = np.random.default_rng(3), 0, 60
    for _ in range(runs):
        requests = one_at_a_time(5, 16, draw)
        growth = requests @ np.full(5, 64.0) + draw.normal(0, 2000, len(requests))
        looks = [decide(table_of(requests[:n], growth[:n]), "php_heap", Settings(looks=11)) for n in (24, 48, 96)]
        called += any(d.outcome == "leak" for found in looks if found for d in found[0])
    assert called <= 2


def test_each_channel_that_was_read_is_told_and_an_unexplained_one_is_noted() -> None:
    app = among_others(appended(640))
    told = by_name(verdict(app, as_run(app, 12), Machine(native={"clean": 2048})))
    assert told["suspect"].channels["php_heap"] == pytest.approx(told["suspect"].bytes_per_request, abs=0.1)
    assert told["clean"].channels["anon"] == pytest.approx(2048, rel=0.1)
    requests = one_at_a_time(2, 8, np.random.default_rng(1))
    table = table_of(requests, np.zeros(len(requests)))
    table.growth["anon"] = requests @ np.array([2048.0, 0.0])
    found, estimates = decide(table, "php_heap", Settings()), by_channel(table, ["php_heap", "anon"])
    assert found is not None
    notes = [contradiction(estimates, e, decision, Settings()) for e, decision in enumerate(found[0])]
    assert "anon grew by" in notes[0]
    assert notes[1] == ""


def test_the_channel_that_decides_is_fitted_once() -> None:
    requests = one_at_a_time(2, 8, np.random.default_rng(1))
    table = table_of(requests, np.random.default_rng(2).normal(0.0, 1000.0, len(requests)))
    found = decide(table, "php_heap", Settings())
    assert found is not None
    known, again = by_channel(table, ["php_heap"], {"php_heap": found[1]}), by_channel(table, ["php_heap"])
    assert known["php_heap"] is found[1]
    np.testing.assert_array_equal(known["php_heap"].mean, again["php_heap"].mean)
    np.testing.assert_array_equal(known["php_heap"].error, again["php_heap"].error)


def test_without_probe_and_roots_the_most_that_can_be_garbage_is_told() -> None:
    app = among_others(appended(640))
    untold, told = (by_name(verdict(app, as_run(app), Machine(roots=roots)))["suspect"] for roots in ({}, {"big": 1}))
    assert untold.verdict == told.verdict == "leak"
    assert "can be garbage" in untold.note
    assert "garbage" not in told.note
