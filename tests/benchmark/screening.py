"""Screening against endpoints isolated one by one on RSS, in one run: `python -m tests.benchmark.screening`.

The resident app, two workers. First 15 endpoints with 40 requests each and then 100 endpoints until all are judged, one
request at a time with the heaps read around each. Then each of the 15 alone, as fast as one connection goes, for the
same time as people do it: the workers' RSS before and after, divided by the requests. Takes two minutes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.analysis.decide import Settings
from harness.analysis.screening import Retained, retained_bytes, screen_verdict
from harness.load.catalogue import Catalogue
from harness.load.single import SingleVisitor
from harness.measuring.screening import Budget, Screening
from harness.model.load import Endpoint, LoadSpec, Request
from harness.model.screen import ScreenHeader, ScreenRecording, ScreenRequest
from harness.model.target import TargetHandle
from harness.sample.opening import open_sampler
from harness.sample.run_times import run_times
from tests.integration.resident import Resident

# What ZendMM's size classes make of a request, in bytes.
TRUTH = {
    "/static": 640, "/global": 320, "/closure": 2040, "/resource": 480, "/singleton": 320, "/tiny": 40, "/error": 640,
    "/timer": 1296, "/nested": 320, "/clean": 0, "/static/clean": 0, "/closure/clean": 0, "/big": 0, "/nosuch": 0,
    "/": 0,
}  # fmt: skip
EACH = 40
ALONE_S = 5.0


class Unkept:
    def write(self, request: ScreenRequest) -> None:
        pass


@dataclass
class FixedCount(Screening):
    """Asks every endpoint the same number of times, judged or not."""

    def _undecided(self, active: Sequence[int]) -> list[int]:
        return [endpoint for endpoint in active if self._sent[endpoint] < self.budget.requests_each]


def main() -> None:
    paths = list(TRUTH)
    kept, screened_s = screen(paths, FixedCount, Budget(EACH, 60.0))
    print(f"15 endpoints × {EACH} requests: {screened_s:.2f} s (2 s allowed)")
    many = [f"/static?bytes={64 * n}" if n % 10 == 0 else f"/clean?n={n}" for n in range(1, 101)]
    recording, many_s = record(many, Screening, Budget(EACH, 60.0))
    judged = [endpoint.verdict for endpoint in screen_verdict(recording, Settings()).endpoints]
    counts = ", ".join(f"{judged.count(verdict)} {verdict}" for verdict in sorted(set(judged)))
    print(f"100 endpoints until judged: {many_s:.2f} s (15 s allowed), {len(recording.requests)} requests: {counts}")
    rows = [(path, retained, *alone(path)) for path, retained in zip(paths, kept, strict=True)]
    print(f"\n{'endpoint':16}{'truth':>8}{'screened':>10}{'error':>8}{'RSS alone':>12}{'error':>8}{'requests':>10}")
    for path, retained, rss, requests in rows:
        truth = TRUTH[path]
        ours, theirs = retained.typical - truth, rss - truth
        print(f"{path:16}{truth:>8}{retained.typical:>10.0f}{ours:>8.0f}{rss:>12.0f}{theirs:>8.0f}{requests:>10}")
    print(f"\nseconds: {screened_s:.1f} screened, {ALONE_S * len(rows):.0f} one by one on RSS")


def screen(paths: list[str], kind: type[Screening], budget: Budget) -> tuple[list[Retained], float]:
    recording, duration_s = record(paths, kind, budget)
    return retained_bytes(recording), duration_s


def record(paths: list[str], kind: type[Screening], budget: Budget) -> tuple[ScreenRecording, float]:
    with Resident(WORKERS=2) as app:
        spec = spec_of(paths, app.port)
        handle = TargetHandle(kind="attached", base_url=spec.base_url, root_pid=app.process.pid)
        catalogue = Catalogue(spec)
        with open_sampler(handle, heap=True, client=None, labels={}) as sampler:
            screening = kind(
                header=ScreenHeader(endpoints=tuple(paths)),
                connect=lambda: SingleVisitor(spec, catalogue, 0),
                heaps=sampler.heap_bytes,
                run_times=run_times,
                roots=sampler.collector_roots,
                sink=Unkept(),
                settings=Settings(),
                budget=budget,
                observe=lambda recording: None,
                stop_asked=lambda: False,
            )
            began_s = time.perf_counter()
            recording = screening.perform(range(len(paths)))
            return recording, time.perf_counter() - began_s


def alone(path: str) -> tuple[float, int]:
    """Bytes of RSS a request, and how many requests that was."""
    with Resident(WORKERS=2) as app:
        spec = spec_of([path], app.port)
        with SingleVisitor(spec, Catalogue(spec), 0) as visitor:
            for number in range(100):
                visitor.send(0, number)
            before, requests, end_s = rss_of(app), 0, time.perf_counter() + ALONE_S
            while time.perf_counter() < end_s:
                visitor.send(0, requests)
                requests += 1
            return (rss_of(app) - before) / requests, requests


def rss_of(app: Resident) -> int:
    return sum(psutil.Process(pid).memory_info().rss for pid in app.children() if Path(f"/proc/{pid}").exists())


def spec_of(paths: list[str], port: int) -> LoadSpec:
    endpoints = tuple(Endpoint(name=path, request=Request(path=path)) for path in paths)
    return LoadSpec(base_url=f"http://127.0.0.1:{port}", endpoints=endpoints)


if __name__ == "__main__":
    main()
