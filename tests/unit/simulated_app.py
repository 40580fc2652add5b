"""An app that really leaks, in memory: behind the session's protocols, on a clock of its own."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.errors import LoadError, SampleError
from harness.measuring.session import Session
from harness.model.load import WindowOrder, WindowResult
from harness.model.samples import CgroupReading, PhpReading, ProcessReading, Sample, TraceHeader
from harness.model.target import TargetState

Keeps = Callable[[int], int]
"""Bytes that the n-th request of an endpoint keeps, counted from 1."""

RATE = 1000.0
READING_S = 0.001


def nothing(_: int) -> int:
    return 0


def appended(bytes_each: int) -> Keeps:
    """An element of a PHP array: its bytes, and now and then the doubling of the array's slots of 16 bytes."""

    def keeps(n: int) -> int:
        return bytes_each + (16 * n if n >= 8 and n & (n - 1) == 0 else 0)

    return keeps


def cached(bytes_each: int, entries: int) -> Keeps:
    return lambda n: bytes_each if n <= entries else 0


def pair(bytes_each: int) -> tuple[Keeps, Keeps]:
    """Two endpoints: the first keeps memory once for each time that the second was asked since."""
    armed = [False]

    def keeps(_: int) -> int:
        kept, armed[0] = bytes_each if armed[0] else 0, False
        return kept

    def arms(_: int) -> int:
        armed[0] = True
        return 0

    return keeps, arms


class Reading(NamedTuple):
    cgroup: CgroupReading | None
    processes: tuple[ProcessReading, ...]
    oom_kills: int | None


@dataclass
class SimulatedApp:
    """One worker. `recycle_after` requests it is replaced; `dies_at` and `oom_at` are requests counted over all.

    `native[endpoint]` bytes a request are kept outside of the PHP heap. `private_readable`: a reading that is asked for
    it has the worker's private memory too.
    """

    keeps: tuple[Keeps, ...]
    heap_readable: bool = True
    private_readable: bool = False
    native: dict[int, int] = field(default_factory=dict)
    recycle_after: int = 0
    dies_at: int = 0
    oom_at: int = 0
    now_s: float = 100.0
    orders: list[WindowOrder] = field(default_factory=list)
    timeouts_s: list[float] = field(default_factory=list)
    slept_s: list[float] = field(default_factory=list)
    running: bool = True
    readable: bool = True
    load_breaks: bool = False
    oom_kills: int = 0
    _pid: int = 100
    _served: int = 0
    _by_worker: int = 0
    _by_endpoint: dict[int, int] = field(default_factory=dict)
    _heap_bytes: int = 1_000_000
    _native_bytes: int = 0

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds

    def run_window(self, order: WindowOrder, *, timeout_s: float) -> WindowResult:
        self.orders.append(order)
        self.timeouts_s.append(timeout_s)
        if self.load_breaks:
            raise LoadError("the generator broke")
        began_s = self.now_s
        tickets = [endpoint for endpoint, count in enumerate(order.counts) for _ in range(count)]
        random.Random(order.index).shuffle(tickets)
        served = Counter((endpoint, self._serve(endpoint)) for endpoint in tickets)
        outcomes: list[dict[str, int]] = [{} for _ in order.counts]
        for (endpoint, status), count in sorted(served.items()):
            outcomes[endpoint][status] = count
        self.now_s += sum(order.counts) / (order.rate or RATE)
        return WindowResult(
            index=order.index,
            outcomes=tuple(outcomes),
            failures=tuple(by_status.get("connection", 0) for by_status in outcomes),
            load_s=self.now_s - began_s,
            offered_s=sum(order.counts) / order.rate if order.rate else 0.0,
        )

    def settle(self, timeout_s: float) -> bool:
        self.now_s += READING_S
        return True

    def read(self, *, exact: bool = False) -> Reading:
        if not (self.running and self.readable):
            raise SampleError("nothing can be read")
        php = PhpReading(heap_bytes=self._heap_bytes) if self.heap_readable else None
        pages = -(-(self._heap_bytes + self._native_bytes) // 4096) * 4096
        worker = ProcessReading(
            pid=self._pid,
            name="worker",
            started_s=float(self._pid),
            private_dirty_bytes=pages if exact and self.private_readable else None,
            php=php,
        )
        return Reading(CgroupReading(anon_bytes=pages), (worker,), self.oom_kills)

    def state(self) -> TargetState:
        if self.running:
            return TargetState(running=True, oom_kills=self.oom_kills)
        return TargetState(running=False, exit_code=137, oom_kills=self.oom_kills, detail="killed")

    def _serve(self, endpoint: int) -> str:
        if not self.running:
            return "connection"
        self._served += 1
        if self._served == self.dies_at:
            self.running = False
            return "connection"
        if self._served == self.oom_at:
            self.oom_kills += 1
            self._replace_worker()
            return "connection"
        if self.recycle_after and self._by_worker >= self.recycle_after:
            self._replace_worker()
        self._by_worker += 1
        self._by_endpoint[endpoint] = self._by_endpoint.get(endpoint, 0) + 1
        self._heap_bytes += self.keeps[endpoint](self._by_endpoint[endpoint])
        self._native_bytes += self.native.get(endpoint, 0)
        return "200"

    def _replace_worker(self) -> None:
        self._pid += 1
        self._by_worker = 0
        self._by_endpoint = {}
        self._heap_bytes = 1_000_000


@dataclass
class Notes:
    """Who looks on: the samples in the order of writing, and when to stop."""

    written: list[Sample] = field(default_factory=list)
    observed: list[Sample] = field(default_factory=list)
    stop_after: int | None = None

    def write(self, sample: Sample) -> None:
        self.written.append(sample)

    def stop_asked(self) -> bool:
        return self.stop_after is not None and len(self.written) >= self.stop_after


def session_of(app: SimulatedApp, notes: Notes, *, rate: float = RATE) -> Session:
    return Session(
        load=app,
        memory=app,
        sink=notes,
        header=TraceHeader(endpoints=tuple(f"GET /{e}" for e in range(len(app.keeps)))),
        target_state=app.state,
        stop_asked=notes.stop_asked,
        observe=notes.observed.append,
        rate=rate,
        settle_timeout_s=0.1,
        request_timeout_s=30.0,
        clock=app.clock,
        sleep=app.sleep,
    )
