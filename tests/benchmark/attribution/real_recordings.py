"""The resident app with its instruments, outside of a run: exact calibration, and what competitors record."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from harness.errors import SampleError
from harness.history import new_run
from harness.measuring.rig import Rig, open_rig
from harness.model.load import WindowOrder
from harness.sample.sampler import Sampler
from tests.benchmark.attribution.real_cases import MEMORY_LIMIT_BYTES, RealRun, is_native, native_bytes
from tests.benchmark.attribution.series import RivalRecordings, Series

READ_EVERY_S = 0.05
WARMUP = 50
TIMEOUT_S = 180.0


@dataclass
class ResidentReader:
    """Reads a container's anonymous memory all the time, in a thread of its own."""

    sampler: Sampler
    readings: list[tuple[float, float]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _read(self) -> None:
        while not self._stop.wait(READ_EVERY_S):
            try:
                cgroup = self.sampler.read().cgroup
            except SampleError:
                continue
            if cgroup is not None:
                self.readings.append((time.monotonic(), float(cgroup.anon_bytes)))


@contextmanager
def opened(run: RealRun) -> Iterator[Rig]:
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        scenario = run.scenario()
        folder = new_run(Path(place), scenario.name, scenario.source)
        yield open_rig(scenario, folder, lambda phase: None, stack)


def calibrated(run: RealRun, sent: Mapping[str, tuple[int, int]]) -> dict[str, float]:
    """Bytes a request of every leak, driven alone; `sent` are its requests before those that count, and those.

    As many as in the run itself, so that an array is of the same length and its doublings cost the same. Two workers
    share the requests by chance, which matters only close to a doubling.
    """
    truths: dict[str, float] = {}
    with opened(run) as rig:
        for path, leaks in run.paths.items():
            before, counted = sent[path]
            if leaks and is_native(path):
                truths[path] = native_bytes(path)
            elif leaks and counted and path not in run.unsteady:
                _drive(rig, run, path, before)
                heaps_bytes = _heaps(rig)
                _drive(rig, run, path, counted)
                truths[path] = (_heaps(rig) - heaps_bytes) / counted
    return truths


def recordings(run: RealRun, budget_s: float) -> RivalRecordings:
    """The app as the competitors need it: a mix, each endpoint alone, and each alone before it leaked."""
    return RivalRecordings(
        mix=_mix(replace(run, heap=False), budget_s),
        alone=each_alone(run, budget_s),
        before=each_alone(run.before_it_leaked(), budget_s),
        memory_limit_bytes=MEMORY_LIMIT_BYTES,
    )


def _mix(run: RealRun, budget_s: float) -> Series:
    each = max(1, round(run.rate * budget_s / len(run.paths)))
    with opened(run) as rig:
        _order(rig, [WARMUP] * len(run.paths), run.rate)
        return _recorded(rig, [each] * len(run.paths), run.rate)


def each_alone(run: RealRun, budget_s: float) -> tuple[Series, ...]:
    """One endpoint after another, each for its part of the time, by container memory."""
    count = len(run.paths)
    each = max(1, round(run.rate * budget_s / count))
    with opened(replace(run, heap=False)) as rig:
        _order(rig, [WARMUP] * count, run.rate)
        return tuple(
            _recorded(rig, [each if e == alone else 0 for e in range(count)], run.rate) for alone in range(count)
        )


def _recorded(rig: Rig, counts: Sequence[int], rate: float) -> Series:
    """Readings while the requests go out evenly; how many had, follows from the time."""
    with ResidentReader(rig.sampler) as reader:
        began_s = time.monotonic()
        _order(rig, counts, rate)
        ended_s = time.monotonic()
        time.sleep(2 * READ_EVERY_S)
    times, levels = np.array(reader.readings or [(began_s, 0.0)]).T
    share = np.clip((times - began_s) / (ended_s - began_s), 0.0, 1.0)
    return Series(times - began_s, levels, share[:, None] * np.array(counts, dtype=float)[None, :])


def _drive(rig: Rig, run: RealRun, path: str, requests: int) -> None:
    _order(rig, [requests if path == other else 0 for other in run.paths], 0.0)


def _heaps(rig: Rig) -> int:
    rig.memory.settle(1.0)
    return sum(rig.sampler.heap_bytes().values())


def _order(rig: Rig, counts: Sequence[int], rate: float) -> None:
    rig.load.run_window(WindowOrder(index=0, counts=tuple(counts), rate=rate), timeout_s=TIMEOUT_S)
