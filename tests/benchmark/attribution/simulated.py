"""A service in memory with two workers, whose truth is known, behind the session's protocols and on a clock of its own.

What an endpoint has kept after n requests to a worker is a function of n, so that windows cost the same whatever their
size. Noise lies over the heap and, drawn apart, over resident memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from harness.model.load import WindowOrder, WindowResult
from harness.model.samples import CgroupReading, PhpReading, ProcessReading
from harness.model.target import TargetState
from tests.benchmark.attribution.series import Floats

WORKERS = 2
SLOT_BYTES = 16
SMALLEST_ARRAY = 8
# What an element of a doubling array costs in the mean, where its length is at any place between two powers of two.
SLOT_BYTES_IN_THE_MEAN = SLOT_BYTES / math.log(2)
HEAP_AT_START_BYTES = 8_000_000
SETTLED_S = 0.02
READ_S = 0.01
BUSY_RATE = 3000.0


@dataclass(frozen=True, slots=True)
class Keeps:
    """What an endpoint does with memory, in bytes a request.

    It keeps `size_bytes` of each of its first `entries` requests to a worker; in an array that doubles if `in_array`,
    outside of the PHP heap if `native`. `in_flight_bytes` are taken and given back.
    """

    size_bytes: float = 0.0
    entries: float = math.inf
    in_array: bool = False
    native: bool = False
    in_flight_bytes: float = 0.0

    @property
    def is_steady(self) -> bool:
        """Whether it goes on as it began."""
        return math.isinf(self.entries) or not self.size_bytes

    @property
    def mean_bytes(self) -> float:
        """Bytes a request in the long run."""
        slots = SLOT_BYTES_IN_THE_MEAN if self.in_array else 0.0
        return self.size_bytes + slots if math.isinf(self.entries) else 0.0

    def before_it_leaked(self) -> Keeps:
        return self if not self.is_steady else replace(self, size_bytes=0.0, in_array=False)


@dataclass(frozen=True, slots=True)
class Noise:
    """All of it in bytes.

    `reading`: of each reading, by itself. `walk`: a random walk, per root of a second. `heavy`: the same by Student's t
    with two degrees of freedom, per root of half a second. `per_request`: per root of the requests. `drift`: a second.
    `page`: what resident memory moves in. `recycle_after`: requests after which a worker is replaced.
    """

    reading: float = 0.0
    walk: float = 0.0
    heavy: float = 0.0
    per_request: float = 0.0
    drift: float = 0.0
    page: int = 4096
    recycle_after: int = 0


class Reading(NamedTuple):
    cgroup: CgroupReading | None
    processes: tuple[ProcessReading, ...]
    oom_kills: int | None


class SimulatedService:
    """Answers the windows of a session; `heap` False hides the PHP heaps."""

    def __init__(self, endpoints: Sequence[Keeps], noise: Noise, seed: int, *, heap: bool = True, warmup: int = 50):
        self.endpoints, self.noise, self.heap, self.warmup = endpoints, noise, heap, warmup
        self.draw = np.random.default_rng(seed)
        count = len(endpoints)
        self.now_s = 100.0
        self.size = np.array([e.size_bytes for e in endpoints])
        self.entries = np.array([e.entries for e in endpoints])
        self.slot = np.array([SLOT_BYTES * e.in_array for e in endpoints], dtype=float)
        self.is_native = np.array([e.native for e in endpoints])
        self.in_flight = np.array([e.in_flight_bytes for e in endpoints])
        # Arrays that hold something already: anywhere between two doublings.
        self.held = np.floor(np.exp2(self.draw.uniform(3, 15, (WORKERS, count))))
        self.served = np.zeros((WORKERS, count))
        self.by_worker = np.zeros(WORKERS)
        self.touched = np.zeros(WORKERS)
        self.native_bytes = 0.0
        self.levels = np.zeros(2)
        self.pids = [100, 101]
        self.total = np.zeros(count)
        self.kept_when_warm = np.full(count, np.nan)
        # (workers, p) bytes.
        self.kept = self._kept()

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self._pass(seconds, 0.0)

    def state(self) -> TargetState:
        return TargetState(running=True)

    def settle(self, timeout_s: float) -> bool:
        self._pass(SETTLED_S, 0.0)
        return True

    def run_window(self, order: WindowOrder, *, timeout_s: float) -> WindowResult:
        counts = np.array(order.counts, dtype=float)
        load_s = float(counts.sum()) / (order.rate or BUSY_RATE)
        self.serve(counts, load_s)
        return WindowResult(
            index=order.index,
            outcomes=tuple({"200": n} if n else {} for n in order.counts),
            failures=(0,) * len(order.counts),
            load_s=load_s,
            offered_s=load_s if order.rate else 0.0,
        )

    def serve(self, counts: Floats, seconds: float) -> None:
        """So many requests of each endpoint (p,), over the workers by chance."""
        warm = np.isnan(self.kept_when_warm) & (self.total >= self.warmup) & (counts > 0)
        self.kept_when_warm[warm] = self.kept[:, warm].sum(axis=0)
        before = self.kept
        first = self.draw.binomial(counts.astype(int), 1.0 / WORKERS).astype(float)
        self.served += np.stack([first, counts - first])
        self.total += counts
        self.kept = self._kept()
        self.native_bytes += float((self.kept - before)[:, self.is_native].sum())
        reached = self._heaps() + (self.in_flight * (counts > 0)).max(initial=0.0)
        self.touched = np.maximum(self.touched, reached)
        self.by_worker += np.array([first.sum(), (counts - first).sum()])
        self._pass(seconds, float(counts.sum()))
        self._recycle()

    def read(self, *, exact: bool = False) -> Reading:
        self._pass(READ_S, 0.0)
        heaps = self._heaps()
        heaps[0] += self.levels[0] + self._reading_noise()
        resident = self._resident_by_worker()
        processes = tuple(
            ProcessReading(
                pid=pid,
                name="worker",
                started_s=float(pid),
                private_dirty_bytes=int(own),
                php=PhpReading(heap_bytes=round(heap / 8) * 8) if self.heap else None,
            )
            for pid, heap, own in zip(self.pids, heaps, resident, strict=True)
        )
        return Reading(CgroupReading(anon_bytes=int(resident.sum())), processes, None)

    def resident_bytes(self) -> int:
        return int(self._resident_by_worker().sum())

    def _resident_by_worker(self) -> Floats:
        """(workers,) in whole pages; what was touched once stays, and a heap fills it before it shows here."""
        page = self.noise.page
        resident: Floats = np.ceil(np.maximum(self.touched, self._heaps()) / page) * page
        resident[0] += math.ceil(self.native_bytes / page) * page + self.levels[1] + self._reading_noise()
        return resident

    def true_bytes_per_request(self, endpoint: int) -> float | None:
        """What the endpoint has really kept a request since it was warm; None where that is no steady rate."""
        keeps = self.endpoints[endpoint]
        if not keeps.is_steady:
            return None
        if self.noise.recycle_after or not keeps.in_array or np.isnan(self.kept_when_warm[endpoint]):
            return keeps.mean_bytes
        kept = float(self.kept[:, endpoint].sum() - self.kept_when_warm[endpoint])
        return kept / float(self.total[endpoint] - self.warmup)

    def _pass(self, seconds: float, requests: float) -> None:
        self.now_s += seconds
        noise, draw = self.noise, self.draw
        step = noise.walk * math.sqrt(seconds) * draw.standard_normal(2)
        if noise.heavy:
            step += noise.heavy * math.sqrt(seconds / 0.5) * draw.standard_t(2, 2)
        step += noise.per_request * math.sqrt(requests) * draw.standard_normal(2) + noise.drift * seconds
        self.levels += step

    def _recycle(self) -> None:
        for worker in np.flatnonzero(self.by_worker > (self.noise.recycle_after or math.inf)):
            self.pids[worker] = max(self.pids) + 1
            self.by_worker[worker] = self.touched[worker] = 0.0
            self.served[worker] = self.held[worker] = self.kept[worker] = 0.0

    def _kept(self) -> Floats:
        slots = np.zeros_like(self.served)
        arrays = self.slot > 0
        if arrays.any():
            held, served = self.held[:, arrays], self.served[:, arrays]
            slots[:, arrays] = self.slot[arrays] * (_capacity(held + served) - _capacity(held))
        return np.asarray(self.size * np.minimum(self.served, self.entries) + slots)

    def _heaps(self) -> Floats:
        kept: Floats = self.kept[:, ~self.is_native].sum(axis=1)
        return kept + HEAP_AT_START_BYTES

    def _reading_noise(self) -> float:
        return float(self.noise.reading * self.draw.standard_normal())


def _capacity(elements: Floats) -> Floats:
    return np.asarray(np.where(elements > 0, np.exp2(np.ceil(np.log2(np.maximum(elements, SMALLEST_ARRAY)))), 0.0))
