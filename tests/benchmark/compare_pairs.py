"""How often `compare` calls two runs of the same app a regression, and how often it misses 64 B a request more.

Runs the quickstart's endpoints against the resident app as local processes, as short as runs can be, and a variant of
it in which two endpoints keep 64 B a request more: one that leaked already and one that was clean. Then every run is
compared with the next one (same against same), and every variant with a run of the baseline.

    python -m tests.benchmark.compare_pairs --pairs 40 --variants 20 --folder FOLDER

What FOLDER already has is kept, so that the benchmark can be broken off and continued.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from harness.nightly.comparing import compare_sides
from harness.nightly.runs import KeptRun, read_side
from tests.command import PROGRAM, ROOT

LEAKING, CLEAN = "GET /global?bytes=256", "GET /static/clean"
# PHP's size classes: 256 and 320 bytes of payload take 320 and 384, 32 bytes take 64.
VARIANT = {LEAKING: "/global?bytes=320", CLEAN: "/static?bytes=32"}
TARGET = {
    "command": ["php", str(ROOT / "compose/resident/server.php")],
    "port": 0,
    "environment": {"WORKERS": 2},
    "ready": {"path": "/health", "timeout": "60s"},
}
# Budgets are the most that may be taken: an idle machine takes a few seconds.
LOAD = {"rate": "1000/s", "users": 8, "window": "60ms", "budget": "8s", "warmup": 20, "confirm": 200}
SCREENING = {"requests": 40, "budget": "30s"}
ENDPOINTS = [
    "/static?bytes=512",
    "/global?bytes=256",
    "/clean",
    "/static/clean",
    "/closure/clean",
    "/big",
    "/cache?keys=20",
    "/nosuch",
]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", type=int, default=40)
    options.add_argument("--variants", type=int, default=20)
    options.add_argument("--folder", type=Path, required=True)
    given = options.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    baseline = make_runs(given.folder / "baseline", {}, given.pairs + 1)
    variant = make_runs(given.folder / "variant", VARIANT, given.variants)
    tell_same([(a, b) for a, b in pairwise(baseline)])
    tell_regressions([(baseline[i % len(baseline)], run) for i, run in enumerate(variant)])


def make_runs(folder: Path, paths: dict[str, str], count: int) -> list[KeptRun]:
    scenario = folder.with_suffix(".yaml")
    scenario.write_text(yaml.safe_dump(scenario_of(paths)))
    while len(found := sorted(folder.glob("pair/*/record.json"))) < count:
        began_s = time.monotonic()
        command = [*PROGRAM, "run", str(scenario), "--results", str(folder), "--quiet"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
        print(f"{folder.name} {len(found) + 1}/{count}: exit {done.returncode}, {time.monotonic() - began_s:.1f} s")
        if done.returncode not in (0, 1, 3):
            sys.exit(done.stderr)
    return [read_side([str(record)])[0] for record in found[:count]]


def scenario_of(paths: dict[str, str]) -> dict[str, Any]:
    endpoints = [
        {"name": f"GET {path}", "path": paths.get(f"GET {path}", path)} | ({"expect": 404} if path == "/nosuch" else {})
        for path in ENDPOINTS
    ]
    return {
        "name": "pair",
        "target": TARGET,
        "load": LOAD,
        "screening": SCREENING,
        "endpoints": endpoints,
        "threshold": "64B",
    }


def tell_same(pairs: Sequence[tuple[KeptRun, KeptRun]]) -> None:
    outcomes: Counter[str] = Counter()
    endpoints: Counter[str] = Counter()
    for before, after in pairs:
        found = compare_sides([before], [after])
        outcomes[found.outcome] += 1
        endpoints.update(endpoint.outcome for endpoint in found.endpoints)
    print(f"same against same: {len(pairs)} pairs, {dict(outcomes)}; their endpoints: {dict(endpoints)}")


def tell_regressions(pairs: Sequence[tuple[KeptRun, KeptRun]]) -> None:
    found = [compare_sides([before], [after]) for before, after in pairs]
    called = sum(comparison.outcome == "regression" for comparison in found)
    print(f"64 B/request more: {called} of {len(pairs)} pairs are called a regression")
    for name in (LEAKING, CLEAN):
        each = [e for comparison in found for e in comparison.endpoints if e.name == name]
        sizes = [e.difference_bytes_per_request or 0.0 for e in each]
        caught = sum(e.outcome == "regression" for e in each)
        print(f"  {name}: {caught} of {len(each)}, found {min(sizes):.1f} to {max(sizes):.1f} B/request")


if __name__ == "__main__":
    main()
