"""The simulator keeps what it says that it keeps: its truth is what everything else is judged by."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model.load import WindowOrder
from harness.model.samples import ProcessReading
from tests.benchmark.attribution.simulated import SLOT_BYTES, Keeps, Noise, SimulatedService

WARMUP = 10
QUIET = Noise()


def service(*endpoints: Keeps, noise: Noise = QUIET, heap: bool = True, seed: int = 1) -> SimulatedService:
    made = SimulatedService(endpoints, noise, seed, heap=heap, warmup=WARMUP)
    made.serve(np.full(len(endpoints), float(WARMUP)), 0.1)
    return made


def heap_of(made: SimulatedService) -> int:
    return sum(process.php.heap_bytes for process in made.read().processes if process.php)


def grown(made: SimulatedService, counts: list[float]) -> int:
    before = heap_of(made)
    made.serve(np.array(counts), 0.5)
    return heap_of(made) - before


@given(st.integers(1, 2000), st.integers(0, 5000), st.integers(0, 2**32))
@settings(max_examples=50)
def test_a_list_keeps_its_bytes_with_every_request(words: int, requests: int, seed: int) -> None:
    made = service(Keeps(8.0 * words), Keeps(), seed=seed)
    assert grown(made, [requests, 300]) == 8 * words * requests
    if requests:
        assert made.true_bytes_per_request(0) == 8 * words
    assert made.true_bytes_per_request(1) == 0.0


@given(st.integers(100, 20_000), st.integers(0, 2**32))
@settings(max_examples=50)
def test_an_array_costs_doublings_beside_its_elements(requests: int, seed: int) -> None:
    made = service(Keeps(504.0, in_array=True), seed=seed)
    slots = grown(made, [requests]) - 504 * requests
    assert slots >= 0
    assert slots % SLOT_BYTES == 0
    told = made.true_bytes_per_request(0)
    assert told == pytest.approx(504.0 + slots / requests)


def test_in_the_mean_an_element_costs_what_the_long_run_says() -> None:
    keeps = Keeps(0.0, in_array=True)
    sizes = [grown(service(keeps, seed=seed), [3000.0]) / 3000.0 for seed in range(300)]
    assert np.mean(sizes) == pytest.approx(keeps.mean_bytes, rel=0.1)


@given(st.integers(1, 500), st.integers(0, 2**32))
@settings(max_examples=30)
def test_a_cache_stops_when_it_is_full(entries: int, seed: int) -> None:
    made = service(Keeps(1024.0, entries=entries), seed=seed)
    made.serve(np.array([20.0 * entries + 100]), 1.0)
    assert grown(made, [1000.0]) == 0
    assert made.true_bytes_per_request(0) is None


def test_native_memory_shows_in_the_container_and_not_on_the_heap() -> None:
    made = service(Keeps(2048.0, native=True))
    before = made.resident_bytes()
    assert grown(made, [1000.0]) == 0
    assert made.resident_bytes() - before == pytest.approx(2_048_000, abs=4096)


def test_a_leak_first_fills_the_pages_that_a_large_response_touched() -> None:
    made = service(Keeps(in_flight_bytes=1e6), Keeps(104.0))
    before = made.resident_bytes()
    made.serve(np.array([0.0, 5000.0]), 1.0)
    assert made.resident_bytes() == before
    made.serve(np.array([0.0, 50_000.0]), 1.0)
    assert made.resident_bytes() - before > 3e6


@pytest.mark.parametrize("page", [4096, 2 * 1024**2])
def test_resident_memory_moves_in_whole_pages(page: int) -> None:
    made = service(Keeps(504.0), noise=Noise(page=page))
    levels = []
    for _ in range(20):
        made.serve(np.array([1000.0]), 0.5)
        levels.append(made.resident_bytes())
    assert {level % page for level in levels} == {0}
    assert levels[-1] > levels[0]


def test_a_recycled_worker_comes_back_as_another_process_with_an_empty_heap() -> None:
    made = service(Keeps(1000.0), noise=Noise(recycle_after=1000))
    pids = {process.pid for process in made.read().processes}
    made.serve(np.array([3000.0]), 1.0)
    assert not pids & {process.pid for process in made.read().processes}
    assert heap_of(made) == heap_of(service(Keeps()))
    assert made.true_bytes_per_request(0) == 1000.0


@pytest.mark.parametrize(
    ("noise", "spread_bytes"),
    [
        (Noise(reading=3000.0), 3000.0 * math.sqrt(2)),
        (Noise(walk=4000.0), 4000.0 * math.sqrt(0.51)),
        (Noise(per_request=300.0), 300.0 * math.sqrt(150)),
    ],
    ids=["reading", "walk", "per-request"],
)
def test_noise_is_as_large_as_it_is_said_to_be(noise: Noise, spread_bytes: float) -> None:
    made = service(Keeps(), noise=noise)
    assert np.std([grown(made, [150.0]) for _ in range(600)]) == pytest.approx(spread_bytes, rel=0.12)


def test_drift_goes_on_without_requests() -> None:
    made = service(Keeps(), noise=Noise(drift=20_000.0))
    before, began_s = heap_of(made), made.clock()
    made.sleep(3.0)
    assert heap_of(made) - before == pytest.approx(20_000 * (made.clock() - began_s), rel=0.01)


def test_the_same_seed_gives_the_same_service() -> None:
    noise = Noise(reading=3000.0, walk=4000.0, heavy=1500.0, per_request=300.0)
    first, second = (service(Keeps(504.0, in_array=True), Keeps(), noise=noise, seed=5) for _ in range(2))
    assert [grown(first, [100.0, 50.0]) for _ in range(5)] == [grown(second, [100.0, 50.0]) for _ in range(5)]


def test_a_hidden_heap_is_not_read() -> None:
    processes: tuple[ProcessReading, ...] = service(Keeps(), heap=False).read().processes
    assert all(process.php is None for process in processes)


def test_a_window_is_answered_in_full_and_takes_its_time() -> None:
    made = service(Keeps(), Keeps())
    began_s = made.clock()
    result = made.run_window(WindowOrder(index=3, counts=(100, 50), rate=300.0), timeout_s=10.0)
    assert result.requests == (100, 50)
    assert result.load_s == pytest.approx(0.5)
    assert made.clock() - began_s == pytest.approx(0.5)
