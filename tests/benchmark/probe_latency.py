"""What the app's requests notice of the probe: latency with it, off sample times and around them, and without it.

    python tests/benchmark/probe_latency.py [--requests 20000]

Three resident apps as local processes, each with one worker and one keep-alive connection. The requests go to them in
turn, so that what else the machine does falls on all of them: one without the probe, one with it at rest, and one that
is settled ten times a second between its requests.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.model.census import ProbeInjection
from harness.sample.heap import HeapReader
from harness.sample.probe import Probe, prepare_probe

SERVER = Path(__file__).parents[2] / "compose/resident/server.php"
ROUTE = "/static/clean"
SETTLE_EVERY_S = 0.1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        injection = prepare_probe(Path(folder) / "probe")
        print(f"{'probe':<10}{'p50 µs':>9}{'p90 µs':>9}{'p99 µs':>9}")
        for name, latencies in _latencies_s(injection, arguments.requests).items():
            print(f"{name:<10}" + "".join(f"{figure:>9.0f}" for figure in _percentiles_us(latencies)))
        print(f"heap of an idle worker: {_heap_bytes(injection) - _heap_bytes(None):+d} bytes with the probe")
        print(f"start of `php -r ''`: {_short_command_s(injection) * 1e3:.2f} ms", end="")
        print(f", without {_short_command_s(None) * 1e3:.2f} ms")
    return 0


def _latencies_s(injection: ProbeInjection, requests: int) -> dict[str, list[float]]:
    latencies: dict[str, list[float]] = {"without": [], "with": [], "settling": []}
    with ExitStack() as undo:
        apps = {name: undo.enter_context(_app(injection if name != "without" else None)) for name in latencies}
        probe = undo.enter_context(Probe(injection))
        connections = {name: http.client.HTTPConnection("127.0.0.1", port) for name, (_, port) in apps.items()}
        workers = _children(apps["settling"][0].pid)
        settle_at_s = time.monotonic()
        for _ in range(requests):
            for name, connection in connections.items():
                latencies[name].append(_request_s(connection))
            if time.monotonic() >= settle_at_s:
                probe.settle(workers, lambda: _request_s(connections["settling"]))
                settle_at_s = time.monotonic() + SETTLE_EVERY_S
        for connection in connections.values():
            connection.close()
    return {name: found[requests // 10 :] for name, found in latencies.items()}


def _request_s(connection: http.client.HTTPConnection) -> float:
    began_s = time.perf_counter()
    connection.request("GET", ROUTE)
    connection.getresponse().read()
    return time.perf_counter() - began_s


def _percentiles_us(latencies: list[float]) -> tuple[float, float, float]:
    cuts = statistics.quantiles(latencies, n=100)
    return cuts[49] * 1e6, cuts[89] * 1e6, cuts[98] * 1e6


def _heap_bytes(injection: ProbeInjection | None) -> int:
    with _app(injection) as (process, port), HeapReader() as heaps:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for _ in range(20):
            _request_s(connection)
        connection.close()
        time.sleep(0.1)
        reading = heaps.total(_children(process.pid)[:1])
        assert reading is not None
        return reading.heap_bytes


def _short_command_s(injection: ProbeInjection | None) -> float:
    environment = _environment(injection)
    times = []
    for _ in range(30):
        began_s = time.perf_counter()
        subprocess.run(["php", "-r", ""], env=environment, check=True)
        times.append(time.perf_counter() - began_s)
    return statistics.median(times)


@contextmanager
def _app(injection: ProbeInjection | None) -> Iterator[tuple[subprocess.Popen[str], int]]:
    settings = {"PORT": "0", "WORKERS": "1", "TASK_WORKERS": "0"}
    process = subprocess.Popen(
        ["php", str(SERVER)], env=_environment(injection) | settings, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        found = re.search(r"127\.0\.0\.1:(\d+)", process.stderr.readline())
        assert found, "the resident app did not start"
        yield process, int(found[1])
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def _environment(injection: ProbeInjection | None) -> dict[str, str]:
    own = dict(os.environ)
    return own | (injection.environment_over(own) if injection else {})


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


if __name__ == "__main__":
    sys.exit(main())
