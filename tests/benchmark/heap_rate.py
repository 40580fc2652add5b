"""What reading heaps from outside costs: `python -m tests.benchmark.heap_rate`.

Sixteen idle PHP processes, 1000 readings a second, one each millisecond and in sweeps over all of them; then as fast as
can be; each from here and through the PHP of a sidecar. The share is processor time, of the sidecar too, in a core. A
reading after a sleep finds cold caches and costs several times what it does in a sweep. Takes a minute.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeVar

from harness.sample.heap import HeapReader, ProcessHeaps, find_heaps
from harness.sample.sidecar import SidecarHeapReader
from tests.integration.heap_readers import PipedReader
from tests.integration.php_builds import own_php
from tests.integration.php_process import PhpProcess

Argument = TypeVar("Argument")
Read = Callable[[list[int]], object]

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
        report_reading("from here", stack.enter_context(HeapReader()).read, pids, ())
        piped = PipedReader(own_php())
        sidecar = stack.enter_context(SidecarHeapReader(piped))
        report_reading("through a sidecar's PHP", sidecar.read, pids, (piped.pid,))


def report_finding(pids: list[int]) -> None:
    durations_s = [_timed(find_heaps, pid) for pid in pids * 5]
    print(f"finding a heap: median {median(durations_s) * 1e3:.2f} ms, once a process")


def report_reading(name: str, read: Read, pids: list[int], others: tuple[int, ...]) -> None:
    print(f"{name}:")
    report_paced("one each millisecond", read, [[pid] for pid in pids], others)
    report_paced(f"in sweeps over {len(pids)}", read, [pids], others)
    sweep_s = median(_timed(read, pids) for _ in range(SWEEPS))
    print(f"  as fast as can be: {sweep_s * 1e6:.0f} µs a sweep, {sweep_s / len(pids) * 1e6:.1f} µs a reading")


def report_paced(name: str, read: Read, requests: list[list[int]], others: tuple[int, ...]) -> None:
    """The wait between, which is no part of the reading, is measured alone and taken off."""
    period_s = len(requests[0]) / READINGS_PER_S
    turns = itertools.cycle(requests)
    waiting_s = _paced(lambda: None, period_s, ())
    busy_s = _paced(lambda: read(next(turns)), period_s, others)
    share = (busy_s - waiting_s) / PACED_S
    verdict = "within" if share < ALLOWED_SHARE else "over"
    print(f"  {READINGS_PER_S} readings/s {name}: {share:.2%} of a core ({verdict} {ALLOWED_SHARE:.0%})")


def _paced(action: Callable[[], object], period_s: float, others: tuple[int, ...]) -> float:
    """Processor seconds of this process and of others."""
    began = time.process_time() + sum(map(_processor_s, others))
    due = time.monotonic()
    for _ in range(int(PACED_S / period_s)):
        action()
        due += period_s
        time.sleep(max(0.0, due - time.monotonic()))
    return time.process_time() + sum(map(_processor_s, others)) - began


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _timed(action: Callable[[Argument], object], argument: Argument) -> float:
    began = time.perf_counter()
    result = action(argument)
    duration_s = time.perf_counter() - began
    if isinstance(result, ProcessHeaps):
        result.close()
    return duration_s


if __name__ == "__main__":
    main()
