"""How fast the generator is beside plain Locust: `python -m tests.benchmark.load_rate [--rounds 3] [--seconds 10]`.

Both drive `/clean` of the resident app with the same number of users, in turns on the same machine: a bare Locust file
with FastHttpUser as fast as it can, and windows of about a second at rate 0, whose overall time has the gaps between
them. Then windows at 300 requests a second. Exit code 1 if the median ratio is below 0.9.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from harness.load.generator import LocustGenerator, start_generator
from harness.model.load import Endpoint, LoadSpec, Request, WindowOrder
from tests.integration.resident import Resident

USERS = 8
PACED_RATE = 300.0
SMALLEST_RATIO = 0.9
BARE_LOCUSTFILE = """
from locust import FastHttpUser, task

class Bare(FastHttpUser):
    @task
    def clean(self):
        self.client.get("/clean")
"""


def bare_rate(url: str, seconds: int) -> float:
    """Requests a second by Locust's own count, from its start to its last request."""
    with tempfile.TemporaryDirectory() as folder:
        locustfile, stats = Path(folder, "bare.py"), Path(folder, "stats")
        locustfile.write_text(BARE_LOCUSTFILE)
        options = ["--headless", "--only-summary", "-u", str(USERS), "-r", str(USERS), "-t", f"{seconds}s"]
        subprocess.run(
            [sys.executable, "-m", "locust", "-f", str(locustfile), "-H", url, *options, "--json-file", str(stats)],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        entry = json.loads(next(Path(folder).glob("stats*")).read_text())[0]
    return float(entry["num_requests"] / (entry["last_request_timestamp"] - entry["start_time"]))


def windowed_rate(url: str, seconds: int, rate: float = 0.0, *, workers: int = 1) -> float:
    """Requests a second over windows of about a second, with the gaps between them."""
    spec = LoadSpec(
        base_url=url, endpoints=(Endpoint(name="clean", request=Request(path="/clean")),), users=USERS, workers=workers
    )
    with start_generator(spec) as generator:
        size, sent, index = warm_up(generator), 0, 1
        started = time.perf_counter()
        while time.perf_counter() - started < seconds:
            order = WindowOrder(index=index, counts=(round(rate) or size,), rate=rate)
            result = generator.run_window(order, timeout_s=60)
            assert result.failures == (0,), result
            sent += sum(order.counts)
            index += 1
        return sent / (time.perf_counter() - started)


def warm_up(generator: LocustGenerator) -> int:
    """How many requests make a window of about a second."""
    result = generator.run_window(WindowOrder(index=0, counts=(2000,)), timeout_s=60)
    return round(2000 / result.load_s)


def measure(url: str, rounds: int, seconds: int) -> float:
    """Prints the table; the median ratio."""
    ways: list[Callable[[], float]] = [lambda: bare_rate(url, seconds), lambda: windowed_rate(url, seconds)]
    ratios = []
    print("round   bare Locust   windows   ratio")
    for number in range(rounds):
        in_turn = ways if number % 2 == 0 else ways[::-1]
        rates = [way() for way in in_turn]
        bare, windows = rates if number % 2 == 0 else rates[::-1]
        ratios.append(windows / bare)
        print(f"{number + 1:5d}   {bare:9.0f}/s {windows:7.0f}/s {ratios[-1]:7.2f}", flush=True)
    print(f"median ratio {median(ratios):.2f}; at least {SMALLEST_RATIO} is wanted")
    for workers in (1, 2):
        paced = windowed_rate(url, seconds, PACED_RATE, workers=workers)
        print(f"asked for {PACED_RATE:.0f}/s, {workers} process(es): {paced:.1f}/s with the gaps between windows")
    return median(ratios)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    arguments = parser.parse_args()
    with Resident(WORKERS=2, MAX_REQUEST=0) as app:
        ratio = measure(f"http://127.0.0.1:{app.port}", arguments.rounds, arguments.seconds)
    return 0 if ratio >= SMALLEST_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
