"""Driving windows of load and taking a settled sample after each: the one place where load and sampling meet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import add
from typing import Protocol

from harness.errors import LoadError, SampleError
from harness.load.schedule import PlannedWindow
from harness.model.load import WindowOrder, WindowResult
from harness.model.samples import (
    CgroupReading,
    Event,
    ProcessReading,
    Recording,
    Sample,
    TraceHeader,
    WindowMark,
)
from harness.model.target import TargetState

# A window may take this much longer than asked before the generator is given up on.
WINDOW_GRACE_S = 60.0


class LoadSource(Protocol):
    def run_window(self, order: WindowOrder, *, timeout_s: float) -> WindowResult: ...


class MemorySource(Protocol):
    def settle(self, timeout_s: float) -> bool: ...

    def read(self, *, exact: bool = False) -> MemoryReading: ...


class MemoryReading(Protocol):
    @property
    def cgroup(self) -> CgroupReading | None: ...

    @property
    def processes(self) -> tuple[ProcessReading, ...]: ...

    @property
    def oom_kills(self) -> int | None: ...


class SampleSink(Protocol):
    def write(self, sample: Sample) -> None: ...


@dataclass
class Session:
    """Counts every request into exactly one window; `samples` are all written to `sink` before the next window.

    `wait_s` goes by before a sample is taken, for what is told late; `exact` has each sample hold what costs much.
    `stop_asked` is looked at between windows. `ended` is set when the target is not there any more.
    """

    load: LoadSource
    memory: MemorySource
    sink: SampleSink
    header: TraceHeader
    target_state: Callable[[], TargetState]
    stop_asked: Callable[[], bool]
    observe: Callable[[Sample], None]
    rate: float
    settle_timeout_s: float
    request_timeout_s: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    wait_s: float = 0.0
    exact: bool = False
    samples: list[Sample] = field(default_factory=list)
    ended: TargetState | None = None
    _began_s: float = 0.0
    _oom_kills: int | None = None
    _windows: int = 0

    def begin(self) -> None:
        """Takes the first sample, before any load: it holds everything that the target's samples can."""
        self.memory.settle(self.settle_timeout_s)
        self._began_s = self.clock()
        zeros = (0,) * len(self.header.endpoints)
        self._sample(zeros, zeros, tuple({} for _ in zeros), None, exact=True)

    @property
    def recording(self) -> Recording:
        return Recording(header=self.header, samples=tuple(self.samples))

    @property
    def elapsed_s(self) -> float:
        return self.clock() - self._began_s

    def stopped(self) -> bool:
        return self.ended is not None or self.stop_asked()

    def drive(self, windows: Iterable[PlannedWindow]) -> None:
        """Runs the windows in order until they are done, the user stops, or the target has ended."""
        for window in windows:
            if self.stopped():
                return
            self._drive_one(window)

    def _drive_one(self, window: PlannedWindow) -> None:
        results = self._results(window)
        if not any(window.counts):
            self.sleep(window.idle_s)
        if self.wait_s:
            self.sleep(self.wait_s)
        self.memory.settle(self.settle_timeout_s)
        last = self.samples[-1]
        requests, failures, statuses = last.requests, last.failures, last.statuses or ()
        for result in results:
            requests, failures = _add(requests, result.requests), _add(failures, result.failures)
            statuses = tuple(_merged(a, b) if b else a for a, b in zip(statuses, result.outcomes, strict=True))
        load_s = sum(result.load_s for result in results)
        mark = WindowMark(index=self._windows, block=window.block, kind=window.kind, load_s=load_s)
        self._windows += 1
        self._sample(requests, failures, statuses, mark)

    def _results(self, window: PlannedWindow) -> list[WindowResult]:
        """What the window's load came to, as far as the target lived."""
        results: list[WindowResult] = []
        try:
            results.extend(self._load(counts) for counts in (window.counts, window.closing) if any(counts))
        except LoadError:
            if self.target_state().running:
                raise
        return results

    def _load(self, counts: tuple[int, ...]) -> WindowResult:
        order = WindowOrder(index=self._windows, counts=counts, rate=self.rate)
        offered_s = sum(counts) / self.rate if self.rate else 0.0
        return self.load.run_window(order, timeout_s=offered_s + self.request_timeout_s + WINDOW_GRACE_S)

    def _sample(
        self,
        requests: tuple[int, ...],
        failures: tuple[int, ...],
        statuses: tuple[dict[str, int], ...],
        window: WindowMark | None,
        *,
        exact: bool = False,
    ) -> None:
        elapsed_s = self.elapsed_s
        reading = self._read(exact=exact or self.exact)
        state = self.target_state()
        if reading is None and state.running:
            raise SampleError(
                "the target runs, but its memory can't be read any more",
                hint="the run's notes say which channels it had",
            )
        kills = max(state.oom_kills, (reading and reading.oom_kills) or 0)
        sample = Sample(
            elapsed_s=round(elapsed_s, 4),
            requests=requests,
            failures=failures,
            statuses=statuses,
            cgroup=reading.cgroup if reading else None,
            processes=reading.processes if reading else (),
            window=window,
            events=self._events(state, kills, round(elapsed_s, 4)),
        )
        self.samples.append(sample)
        self.sink.write(sample)
        self.observe(sample)

    def _read(self, *, exact: bool) -> MemoryReading | None:
        try:
            return self.memory.read(exact=exact)
        except SampleError:
            return None

    def _events(self, state: TargetState, kills: int, elapsed_s: float) -> tuple[Event, ...]:
        events = []
        if self._oom_kills is not None and kills > self._oom_kills:
            detail = f"{kills - self._oom_kills} process(es) killed at the memory limit"
            events.append(Event(elapsed_s=elapsed_s, kind="oom_kill", detail=detail))
        self._oom_kills = kills
        if not state.running and self.ended is None:
            self.ended = state
            events.append(Event(elapsed_s=elapsed_s, kind="target_died", detail=state.detail))
        return tuple(events)


def _merged(totals: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    """Most endpoints have no requests in most windows: theirs are shared, not copied."""
    if not any(more.values()):
        return totals
    return totals | {status: totals.get(status, 0) + count for status, count in more.items() if count}


def _add(totals: Sequence[int], more: Sequence[int]) -> tuple[int, ...]:
    return tuple(map(add, totals, more))
