"""Searches for the commit with real measurements: `python -m tests.benchmark.bisect [--seeds 20] [--fixes 5]`.

Each seed makes a repository of 64 commits with the resident app in it: a leak of 640 B a request, a leak of another
endpoint, a small cache, a commit without the program, one whose program ends at once, merges. Every measurement starts
the app of its commit as local processes with the probe in them. Takes about a minute a seed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from harness.bisection.perform import Question, bisect
from harness.model.bisection import Bisection, Find
from tests.leaky_history import History, make_history
from tests.unit.bisection.simulated import Quiet

SCENARIO = {
    "name": "bisected",
    "target": {"command": ["php", "resident/server.php"], "port": 0, "ready": {"path": "/health", "timeout": "10s"}},
    "load": {"rate": "1000/s", "users": 4, "window": "60ms", "budget": "3s", "warmup": 20, "confirm": 200},
    "endpoints": ["GET /static?bytes=512"],
}


@dataclass(frozen=True)
class Searched:
    history: History
    result: Bisection
    duration_s: float

    @property
    def right(self) -> bool:
        return self.result.commit is not None and self.result.commit.sha == self.history.changed

    @property
    def untouched(self) -> bool:
        return self.history.state()[3].count("\n") == 0

    def row(self) -> str:
        tested = self.result.tested
        steps = [each.duration_s for each in tested if each.purpose == "step"]
        kept = (self.result.before_bytes_per_request, self.result.after_bytes_per_request)
        before, after = ("-" if size is None else f"{size:.0f}" for size in kept)
        return (
            f"{'yes' if self.right else 'NO':>6}{self.result.measured_commits:>10}{self.result.skipped_commits:>9}"
            f"{self.result.confirmation_runs:>10}{max(each.load_s for each in tested):>11.1f}{max(steps):>11.1f}"
            f"{before:>8}{after:>7}{self.duration_s:>9.0f}"
        )


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--seeds", type=int, default=20)
    options.add_argument("--fixes", type=int, default=5)
    asked = options.parse_args()
    cases: list[tuple[int, Find]] = [(seed, "leak") for seed in range(asked.seeds)]
    cases += [(seed, "fix") for seed in range(100, 100 + asked.fixes)]
    print("seed find  right  measured  skipped confirmed  most load  most step  before  after  seconds")
    found = []
    for seed, find in cases:
        with tempfile.TemporaryDirectory() as place:
            searched = search(Path(place), seed, find)
        print(f"{seed:<5}{find:<5}{searched.row()}", flush=True)
        found.append(searched)
    right = sum(searched.right for searched in found)
    print(f"right {right} of {len(found)}; most measured {max(each.result.measured_commits for each in found)}")


def search(place: Path, seed: int, find: Find) -> Searched:
    history = make_history(place / "app", seed, fix=find == "fix", app=True)
    scenario = place / "bisected.yaml"
    target = SCENARIO["target"] | {"cwd": str(history.folder)}  # type: ignore[operator]
    scenario.write_text(yaml.safe_dump(SCENARIO | {"target": target}))
    ends = (history.first, history.last) if find == "leak" else (history.last, history.first)
    began_s = time.monotonic()
    answered = bisect(Question(history.folder, scenario, *ends, find), place / "results", Quiet())
    return Searched(history, answered.result, time.monotonic() - began_s)


if __name__ == "__main__":
    main()
