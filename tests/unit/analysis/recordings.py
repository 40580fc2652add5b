"""Recordings of made-up apps, whose truth is known: what each endpoint keeps, and what noise lies over it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.load.schedule import Design, PlannedWindow
from harness.model.samples import CgroupReading, PhpReading, ProcessReading, Recording, Sample, TraceHeader, WindowMark
from harness.model.screen import ScreenHeader, ScreenRecording, ScreenRequest

# One request to one worker → the bytes that its heap changed by.
Keeper = Callable[[random.Random], int]
# A fresh worker's keeper of an endpoint.
Behaviour = Callable[[], Keeper]
App = Mapping[str, Behaviour]

ZVAL_BYTES = 16
SMALLEST_ARRAY = 8
PAGE_BYTES = 4096
HEAP_AT_START_BYTES = 8_000_000
ANON_AT_START_BYTES = 20_000_000
WINDOW_S = 0.5


def clean() -> Keeper:
    return lambda draw: 0


def leak(size_bytes: int) -> Behaviour:
    """Exactly so much with every request, as an object in a linked list."""
    return lambda: lambda draw: size_bytes


def appended(size_bytes: int, held_before: int = 0) -> Behaviour:
    """An array takes an element with each request; full, it is moved to one of twice the capacity."""

    def worker() -> Keeper:
        held, capacity = held_before, SMALLEST_ARRAY
        while capacity < held:
            capacity *= 2

        def keep(draw: random.Random) -> int:
            nonlocal held, capacity
            held += 1
            if held <= capacity:
                return size_bytes
            capacity *= 2
            return size_bytes + ZVAL_BYTES * capacity // 2

        return keep

    return worker


def cache(limit: int, size_bytes: int, keys: int | None = None) -> Behaviour:
    """Keeps each new key until it holds `limit`; keys come one after another, or at random out of `keys`."""

    def worker() -> Keeper:
        held: set[int] = set()
        number = 0

        def keep(draw: random.Random) -> int:
            nonlocal number
            number += 1
            key = draw.randrange(keys) if keys else number
            if key in held or len(held) >= limit:
                return 0
            held.add(key)
            return size_bytes

        return keep

    return worker


def garbage(size_bytes: int, collected_every: int) -> Behaviour:
    """Cycles that the collector takes back all at once."""

    def worker() -> Keeper:
        waiting = 0

        def keep(draw: random.Random) -> int:
            nonlocal waiting
            waiting += 1
            if waiting < collected_every:
                return size_bytes
            waiting = 0
            return -size_bytes * (collected_every - 1)

        return keep

    return worker


def counted(kept: Callable[[int], int]) -> Behaviour:
    """By the number of the request to this worker, from 1: first uses, late starts, every hundredth …"""

    def worker() -> Keeper:
        number = 0

        def keep(draw: random.Random) -> int:
            nonlocal number
            number += 1
            return kept(number)

        return keep

    return worker


def first_use(size_bytes: int) -> Behaviour:
    return counted(lambda number: size_bytes if number == 1 else 0)


def late(size_bytes: int, after: int) -> Behaviour:
    return counted(lambda number: size_bytes if number > after else 0)


@dataclass(frozen=True)
class Machine:
    """What lies over an app's own growth; sizes in bytes.

    `reading` is noise of each heap reading, `walk` a random walk of the anonymous memory. `per_second` grows the heap
    by itself. `native[name]` a request is kept outside of the heap, `in_flight[name]` is touched and given back,
    `files[name]` stay open; `freed[name]` is what forced collections free, `roots[name]` what waits for one that no one
    forces; `garbage[name]` is freed in the first `reached` workers, those that the probe reaches, and waits in the
    others. `restarts` are the windows in which the first worker is recycled. `together` are bytes kept by a window's
    mix.
    """

    workers: int = 2
    reading: float = 0.0
    walk: float = 0.0
    per_second: float = 0.0
    native: Mapping[str, int] = field(default_factory=dict)
    in_flight: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)
    freed: Mapping[str, int] = field(default_factory=dict)
    roots: Mapping[str, int] = field(default_factory=dict)
    garbage: Mapping[str, int] = field(default_factory=dict)
    reached: int = 0
    restarts: frozenset[int] = frozenset()
    together: Callable[[tuple[int, ...]], int] = lambda counts: 0
    heaps: bool = True
    seed: int = 0


@dataclass
class _Worker:
    pid: int
    keepers: dict[str, Keeper]
    heap_bytes: int = HEAP_AT_START_BYTES
    files: int = 20
    freed: int = 0
    roots: int = 0


class _Running:
    """An app on a machine, window by window."""

    def __init__(self, app: App, machine: Machine) -> None:
        self.app, self.machine = app, machine
        self.draw = random.Random(machine.seed)
        self.pids = iter(range(14, 10_000))
        self.workers = [self._fresh() for _ in range(machine.workers)]
        self.walked = self.native = self.touched = 0.0

    def _fresh(self) -> _Worker:
        return _Worker(next(self.pids), {name: behaviour() for name, behaviour in self.app.items()})

    def serve(self, window: PlannedWindow, index: int) -> None:
        machine = self.machine
        for worker in self.workers:
            worker.freed = 0
        for name, count in [*zip(self.app, window.counts, strict=True), *zip(self.app, window.closing, strict=False)]:
            for _ in range(count):
                worker = self.draw.choice(self.workers)
                worker.heap_bytes += worker.keepers[name](self.draw)
                worker.files += machine.files.get(name, 0)
                worker.freed += machine.freed.get(name, 0)
                worker.roots += machine.roots.get(name, 0)
                self._leave(worker, machine.garbage.get(name, 0))
            self.native += machine.native.get(name, 0) * count
            self.touched = max(self.touched, self._kept() + machine.in_flight.get(name, 0) * bool(count))
        self.workers[0].heap_bytes += machine.together(window.counts) + round(machine.per_second * WINDOW_S)
        self.walked += self.draw.gauss(0, machine.walk)
        if index in machine.restarts:
            self.workers[0] = self._fresh()

    def _leave(self, worker: _Worker, size_bytes: int) -> None:
        if worker in self.workers[: self.machine.reached]:
            worker.freed += size_bytes
        else:
            worker.heap_bytes += size_bytes
            worker.roots += size_bytes > 0

    def _kept(self) -> float:
        return float(sum(worker.heap_bytes for worker in self.workers))

    def processes(self) -> tuple[ProcessReading, ...]:
        return tuple(self._process(worker, place) for place, worker in enumerate(self.workers))

    def _process(self, worker: _Worker, place: int) -> ProcessReading:
        machine = self.machine
        forced = bool(machine.freed) or place < machine.reached
        collectors = machine.roots or machine.reached
        php = PhpReading(
            heap_bytes=round(worker.heap_bytes + self.draw.gauss(0, machine.reading)),
            gc_freed_bytes=worker.freed if forced else None,
            gc_roots=(0 if forced else worker.roots) if collectors else None,
            gc_runs=0 if collectors else None,
        )
        return ProcessReading(
            pid=worker.pid,
            name=f"worker {worker.pid}",
            started_s=float(worker.pid),
            open_fds=worker.files,
            php=php if machine.heaps else None,
        )

    def cgroup(self) -> CgroupReading:
        """Whole pages; those that were touched once stay, so the heap fills them before it shows here."""
        resident = ANON_AT_START_BYTES + max(self.touched, self._kept()) + self.native + self.walked
        return CgroupReading(anon_bytes=int(resident // PAGE_BYTES) * PAGE_BYTES)


def record(app: App, windows: Sequence[PlannedWindow], machine: Machine | None = None) -> Recording:
    """The settled samples of `windows`, after one before any load."""
    running = _Running(app, machine or Machine())
    sent = [0] * len(app)
    samples = [_sample(running, sent, 0.0, None)]
    for index, window in enumerate(windows):
        running.serve(window, index)
        for counts in filter(None, (window.counts, window.closing)):
            sent = [a + b for a, b in zip(sent, counts, strict=True)]
        mark = WindowMark(index=index, block=window.block, kind=window.kind)
        samples.append(_sample(running, sent, (index + 1) * WINDOW_S, mark))
    return Recording(header=TraceHeader(endpoints=tuple(app)), samples=tuple(samples))


def _sample(running: _Running, sent: Sequence[int], elapsed_s: float, mark: WindowMark | None) -> Sample:
    return Sample(
        elapsed_s=elapsed_s,
        requests=tuple(sent),
        failures=(0,) * len(sent),
        cgroup=running.cgroup(),
        processes=running.processes(),
        window=mark,
    )


def blocks(
    app: App, number: int, requests: int = 150, *, first: int = 0, only: Sequence[str] = (), seed: int = 1
) -> list[PlannedWindow]:
    """Randomised blocks of one window for each endpoint (of `only`), idle ones among them."""
    design = Design(seed, len(app), requests, WINDOW_S)
    chosen = {e: requests for e, name in enumerate(app) if not only or name in only}
    return [window for block in range(first, first + number) for window in design.block(block, chosen)]


def warmup(app: App, requests: int = 50) -> Iterator[PlannedWindow]:
    return Design(1, len(app), requests, WINDOW_S).warmup(requests)


def alone(app: App, windows: int, requests: int = 150) -> list[PlannedWindow]:
    """Each endpoint by itself for so many windows in a row, idle windows before and after."""
    design = Design(1, len(app), requests, WINDOW_S)
    driven = [window for e in range(len(app)) for window in design.alone(e, e, windows)]
    return [*driven, driven[0]]


def level(app: App, number: int, requests: int = 150, *, seed: int = 1) -> list[PlannedWindow]:
    """Blocks as of a run without heaps: each window ends with four requests of every endpoint."""
    design = Design(seed, len(app), requests, WINDOW_S, closing=4)
    chosen = dict.fromkeys(range(len(app)), requests)
    return [window for block in range(number) for window in design.block(block, chosen)]


def mix(app: App, windows: int = 4, requests: int = 150, *, weights: Sequence[float] = ()) -> list[PlannedWindow]:
    return Design(1, len(app), requests, WINDOW_S).mix(99, weights or [1.0] * len(app), windows)


def screening(
    app: App, requests_each: int, *, workers: int = 2, between_bytes: int = 0, seed: int = 0
) -> ScreenRecording:
    """One request at a time, the endpoints in random order; `between_bytes` come with no request at all."""
    draw = random.Random(seed)
    running = _Running(app, Machine(workers=workers, seed=seed))
    rows: list[ScreenRequest] = []
    for _ in range(requests_each):
        for endpoint, name in draw.sample(list(enumerate(app)), len(app)):
            worker = draw.choice(running.workers)
            before = worker.heap_bytes + between_bytes
            worker.heap_bytes = before + worker.keepers[name](draw)
            heaps = {worker.pid: (before, worker.heap_bytes)} if worker.heap_bytes != before else {}
            rows.append(
                ScreenRequest(elapsed_s=0.001 * (len(rows) + 1), endpoint=endpoint, status=200, heaps=dict(heaps))
            )
    return ScreenRecording(header=ScreenHeader(endpoints=tuple(app)), requests=tuple(rows))
