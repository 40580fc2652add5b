"""What reading heaps from outside costs: `python -m tests.benchmark.heap_rate`.

Sixteen idle PHP processes, read one at a time at a fixed rate, then all of them as fast as can be, and through the PHP of
a sidecar. The share is processor time of this process (and of the sidecar's) in a core. Takes half a minute.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from harness.sample.heap import HeapReader, find_heaps
from harness.sample.sidecar import SidecarHeapReader
from tests.integration.heap_readers import PipedReader
from tests.integration.php_builds import own_php
from tests.integration.php_process import PhpProcess

PROCESSES = 16
READINGS_PER_S = 1000
PACED_S = 5.0
SWEEPS = 2000
ALLOWED_SHARE = 0.02


def main() -> None:
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(PhpProcess(own_php())) for _ in range(PROCESSES)]
        for php in processes:
            php.settled("for ($i = 0; $i < 50000; $i++) $kept[] = new stdClass;")
        pids = [php.pid for php in processes]
        report_finding(pids)
        reader = stack.enter_context(HeapReader())
        report_paced("one process at a time", itertools.cycle([pid] for pid in pids), reader.read, ())
        report_sweeps("from here", reader.read, pids)
        piped = PipedReader(own_php())
        sidecar = stack.enter_context(SidecarHeapReader(piped))
        report_paced("through a sidecar's PHP", itertools.cycle([pid] for pid in pids), sidecar.read, (piped.pid,))
        report_sweeps("through a sidecar's PHP", sidecar.read, pids)


def report_finding(pids: list[int]) -> None:
    durations_s = [_timed(lambda pid=pid: find_heaps(pid).close()) for pid in pids for _ in range(5)]
    print(f"finding a heap: median {median(durations_s) * 1e3:.2f} ms, once a process")


def report_paced(
    name: str, requests: itertools.cycle[list[int]], read: Callable[[list[int]], object], others: tuple[int, ...]
) -> None:
    """Reads at a fixed rate. The wait between, which is no part of the reading, is measured alone and taken off."""
    waiting_s, _ = _paced(lambda: None, ())
    busy_s, ticks_s = _paced(lambda: read(next(requests)), others)
    share = (busy_s - waiting_s + ticks_s) / PACED_S
    verdict = "within" if share < ALLOWED_SHARE else "OVER"
    print(
        f"{READINGS_PER_S} readings/s, {name}: {share:.2%} of a core"
        f" ({verdict} {ALLOWED_SHARE:.0%}; with the pacing {(busy_s + ticks_s) / PACED_S:.2%})"
    )


def report_sweeps(name: str, read: Callable[[list[int]], object], pids: list[int]) -> None:
    durations_s = [_timed(lambda: read(pids)) for _ in range(SWEEPS)]
    sweep_s = median(durations_s)
    print(
        f"a sweep over {len(pids)} processes, {name}: median {sweep_s * 1e6:.0f} µs, {sweep_s / len(pids) * 1e6:.1f} µs each"
    )


def _paced(action: Callable[[], object], others: tuple[int, ...]) -> tuple[float, float]:
    """Processor seconds of this process and of others."""
    began, others_began = time.process_time(), sum(map(_processor_s, others))
    due = time.monotonic()
    for _ in range(int(PACED_S * READINGS_PER_S)):
        action()
        due += 1 / READINGS_PER_S
        time.sleep(max(0.0, due - time.monotonic()))
    return time.process_time() - began, sum(map(_processor_s, others)) - others_began


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
