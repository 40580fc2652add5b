"""How the analysis grows with its data: `python -m tests.benchmark.analysis_speed [quick]`.

Recordings of one endpoint a window, with idle windows, four processes, an array's leak and noise on a tenth of the
windows. "reading" is getting the numbers out of samples that are in memory (made a batch at a time, the making not
counted); "verdict" is the first look on all of them; "next look" is a further one, a block of samples later. All on one
core, one after the other. `quick` leaves the largest out. Takes five minutes, most of it to make the samples.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from harness.analysis.attribute import Analysis
from harness.analysis.decide import Settings
from harness.model.samples import CgroupReading, PhpReading, ProcessReading, Sample, TraceHeader, WindowMark

Counts = NDArray[np.int64]

PROCESSES = 4
REQUESTS = 150
LEAK_BYTES = 640
BATCH = 10_000
SIZES = ((1_000, 20), (10_000, 20), (100_000, 20), (1_000_000, 20), (1_000, 100), (10_000, 100), (10_000, 500))
ALLOWED_S = 5.0


class _Reader:
    """An analysis that is given its samples a batch at a time, as if all were in one list."""

    def __init__(self, endpoints: int) -> None:
        names = tuple(f"GET /{e}" for e in range(endpoints))
        self.analysis = Analysis(TraceHeader(endpoints=names), Settings(looks=11))
        self.spent_s = 0.0
        self.seen = 0

    def take(self, batch: list[Sample]) -> None:
        self.seen += len(batch)
        self.spent_s += _timed(lambda: self.analysis.take(batch))


def main() -> None:
    sizes = SIZES[:3] if "quick" in sys.argv[1:] else SIZES
    print(f"{'samples':>9} {'endpoints':>9} {'reading':>9} {'verdict':>9} {'next look':>9}   allowed {ALLOWED_S:.0f} s")
    for samples, endpoints in sizes:
        reader = _Reader(endpoints)
        stream = _batches(samples + endpoints + 1, endpoints)
        for batch in stream:
            reader.take(batch)
            if reader.seen >= samples:
                break
        first_s = _timed(reader.analysis.verdict)
        for batch in stream:
            reader.analysis.take(batch)
        next_s = _timed(reader.analysis.verdict)
        print(f"{samples:>9,} {endpoints:>9} {reader.spent_s:>7.2f} s {first_s:>7.2f} s {next_s:>7.2f} s", flush=True)


def _batches(samples: int, endpoints: int) -> Iterator[list[Sample]]:
    draw = np.random.default_rng(1)
    sent = np.zeros(endpoints, dtype=np.int64)
    heaps = np.full(PROCESSES, 8_000_000, dtype=np.int64)
    batch: list[Sample] = []
    main = samples - endpoints - 1
    for index in range(samples):
        place = index % (endpoints + 1)
        if place < endpoints and index:
            sent[place] += REQUESTS
            heaps[index % PROCESSES] += LEAK_BYTES * REQUESTS * (place == 0) + 4096 * (draw.random() < 0.1)
        batch.append(_sample(index, place == endpoints, sent, heaps))
        if len(batch) == BATCH or index + 1 in (main, samples):
            yield batch
            batch = []


def _sample(index: int, idle: bool, sent: Counts, heaps: Counts) -> Sample:
    processes = tuple(
        ProcessReading(
            pid=14 + worker,
            name="worker",
            started_s=100.0,
            rss_bytes=int(heap) // 4096 * 4096,
            open_fds=20,
            php=PhpReading(heap_bytes=int(heap), gc_runs=0, gc_roots=0, gc_freed_bytes=0),
        )
        for worker, heap in enumerate(heaps)
    )
    return Sample(
        elapsed_s=0.5 * index,
        requests=tuple(sent.tolist()),
        failures=(0,) * len(sent),
        cgroup=CgroupReading(anon_bytes=int(heaps.sum()) // 4096 * 4096),
        processes=processes,
        window=WindowMark(index=index, block=index // (len(sent) + 1), kind="idle" if idle else "load"),
    )


def _timed(work: Callable[[], object]) -> float:
    gc.collect()
    began_s = time.process_time()
    work()
    return time.process_time() - began_s


if __name__ == "__main__":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    main()
