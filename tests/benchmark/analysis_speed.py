"""How the analysis grows with its data: `python -m tests.benchmark.analysis_speed [quick] [FILE]`.

Recordings of one endpoint a window, with idle windows, four processes, an array's leak and noise on a tenth of the
windows. "reading" is getting the numbers out of samples that are in memory (made a batch at a time, the making not
counted); "verdict" is the first look on all of them; "next look" is a further one, a block of samples later; "from
file" is all of `hyperleak analyze`, from the lines of a recording of all these samples to the verdict. All on one core,
one after the other. Writes a Markdown table to FILE (results/benchmark/analysis_speed.md). `quick` leaves the largest
out and prints alone. Takes six minutes, most of it to make the samples, and 1 GB for a temporary file.
"""

from __future__ import annotations

import gc
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.analysis.attribute import Analysis
from harness.analysis.decide import Settings
from harness.model.samples import CgroupReading, PhpReading, ProcessReading, Sample, TraceHeader, WindowMark
from harness.reanalysis import analyse_path
from harness.sample.recorder import Recorder
from tests.benchmark.attribution.table import RESULTS, markdown

Counts = NDArray[np.int64]

PROCESSES = 4
REQUESTS = 150
LEAK_BYTES = 640
BATCH = 10_000
SIZES = ((1_000, 20), (10_000, 20), (100_000, 20), (1_000_000, 20), (1_000, 100), (10_000, 100), (10_000, 500))
ALLOWED_S = 5.0
# Room for the largest recording, and as much again.
ROOM_BYTES = 2 * 1024**3
# Shorter times are told too roughly to grow by anything.
TOLD_S = 0.02
STAGES = {"reading": "reading", "verdict": "verdict", "next look": "next look", "from file": "from file"}


@dataclass(frozen=True, slots=True)
class Measured:
    """CPU seconds of each of `STAGES`, by its name."""

    samples: int
    endpoints: int
    spent_s: dict[str, float]

    def row(self) -> dict[str, str]:
        told = {stage: f"{spent_s:.2f} s" for stage, spent_s in self.spent_s.items()}
        return {"samples": f"{self.samples:,}", "endpoints": f"{self.endpoints}", **told}


def main(arguments: Sequence[str]) -> None:
    quick = "quick" in arguments
    files = [Path(name) for name in arguments if name != "quick"]
    measured: list[Measured] = []
    for samples, endpoints in SIZES[:3] if quick else SIZES:
        measured.append(measure(samples, endpoints))
        print("  ".join(f"{name} {told}" for name, told in measured[-1].row().items()), flush=True)
    text = report(measured)
    print(f"\n{text}")
    if not quick:
        (files[0] if files else RESULTS / "analysis_speed.md").write_text(text)


def measure(samples: int, endpoints: int) -> Measured:
    """The recording is written as its samples are made: they never are in memory all at once."""
    header = TraceHeader(endpoints=tuple(f"GET /{e}" for e in range(endpoints)))
    analysis = Analysis(header, Settings(looks=11))
    stream = _batches(samples + endpoints + 1, endpoints)
    spent_s = {"reading": 0.0}
    with tempfile.TemporaryDirectory(prefix="hyperleak-benchmark-") as folder:
        if shutil.disk_usage(folder).free < ROOM_BYTES:
            sys.exit(f"{folder} has no room for a recording: {ROOM_BYTES // 1024**3} GiB")
        file = Path(folder) / "samples.jsonl"
        with Recorder(file, header) as recorder:
            for batch in stream:
                spent_s["reading"] += _timed(partial(analysis.take, batch))
                for sample in batch:
                    recorder.write(sample)
                if len(analysis) >= samples:
                    break
        spent_s["verdict"] = _timed(analysis.verdict)
        for batch in stream:
            analysis.take(batch)
        spent_s["next look"] = _timed(analysis.verdict)
        spent_s["from file"] = _timed(partial(analyse_path, file))
    return Measured(samples, endpoints, spent_s)


def report(measured: Sequence[Measured]) -> str:
    columns = {"samples": "samples", "endpoints": "endpoints", **STAGES}
    grown = [_grown(before, after) for before, after in pairwise(measured)]
    return (
        f"CPU seconds on one core; {ALLOWED_S:.0f} s were asked for.\n\n"
        f"{markdown([one.row() for one in measured], columns)}\n"
        "How it grows: the exponent k of time ~ size^k, from one size to the next.\n\n"
        f"{markdown([row for row in grown if row], {'from … to': 'step', **STAGES})}"
    )


def _grown(before: Measured, after: Measured) -> dict[str, str]:
    """Of sizes of which just one number differs."""
    steps = [(before.samples, after.samples, "samples"), (before.endpoints, after.endpoints, "endpoints")]
    changed = [step for step in steps if step[0] != step[1]]
    if len(changed) != 1:
        return {}
    (first, last, name), same = changed[0], next(step for step in steps if step not in changed)
    found = {"step": f"{first:,} … {last:,} {name}, {same[0]:,} {same[2]}"}
    for stage in STAGES:
        was_s, is_s = before.spent_s[stage], after.spent_s[stage]
        found[stage] = f"{math.log(is_s / was_s) / math.log(last / first):.2f}" if was_s >= TOLD_S else "–"
    return found


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
    main(sys.argv[1:])
