"""Runs on the resident app in a container: its leak cases and decoys, and what they really keep."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from harness.model.load import Endpoint, Request
from harness.model.scenario import LoadPlan, Sampling, Scenario, ScreeningPlan
from harness.model.target import ImageSpec, ReadyCheck

IMAGE = os.environ.get("HYPERLEAK_RESIDENT_IMAGE", "hyperleak/resident:latest")
MEMORY_LIMIT_BYTES = 1024**3
SEEDS = (1, 2, 3)
SIZES_BYTES = (512, 16_384, 32)
# Native memory of less takes more time: some pages have to be filled.
SMALL_BYTES = 64

# Cases whose size can be asked for, and those that have one of their own.
SIZED = ("static", "global", "closure", "singleton", "context", "growing-key", "elsewhere", "nested", "extension")
UNSIZED = ("resource", "socket", "timer", "tiny")
DECOYS = ("/clean", "/static/clean", "/closure/clean", "/big", "/cache?keys=100", "/cycle", "/warmup", "/log", "/peak")
NOT_FOUND = ("/nosuch", 404)


@dataclass(frozen=True, slots=True)
class RealRun:
    """One run; `paths` with whether they leak, `expect` the statuses that aren't 200.

    `rivals`: which competitors are measured on the same app. `calibrated`: what its leaks keep is measured exactly, but
    for the `unsteady`, which keep as much as the load makes them. `pairs` leak together, and neither by itself.
    """

    name: str
    seed: int
    paths: Mapping[str, bool]
    expect: Mapping[str, int] = field(default_factory=dict)
    threshold_bytes: float = 64.0
    rate: float = 1000.0
    window_s: float = 0.2
    budget_s: float = 70.0
    heap: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    rivals: Literal["none", "all", "one at a time"] = "none"
    calibrated: bool = False
    unsteady: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()

    def scenario(self) -> Scenario:
        return Scenario(
            name=self.name,
            source=Path(f"{self.name}.yaml"),
            target=ImageSpec(
                image=IMAGE,
                port=8080,
                environment={"WORKERS": "2", **self.environment},
                memory_limit_bytes=MEMORY_LIMIT_BYTES,
                ready=ReadyCheck(path="/health", timeout_s=30.0),
            ),
            load=LoadPlan(rate=self.rate, window_s=self.window_s, budget_s=self.budget_s, confirm_requests=3000),
            sampling=Sampling(heap=self.heap, probe=self.heap),
            screening=ScreeningPlan(),
            endpoints=tuple(self._endpoint(path) for path in self.paths),
            threshold_bytes=self.threshold_bytes,
            seed=self.seed,
        )

    def before_it_leaked(self) -> RealRun:
        """The clean twins of everything, for what learns from the past."""
        paired = [path for pair in self.pairs for path in pair]
        twins = {path: _twin(path) if leaks or path in paired else path for path, leaks in self.paths.items()}
        expect = {twins[path]: code for path, code in self.expect.items()}
        return replace(self, paths=dict.fromkeys(twins.values(), False), expect=expect, pairs=())

    def _endpoint(self, path: str) -> Endpoint:
        expect = (self.expect[path],) if path in self.expect else ()
        return Endpoint(name=f"GET {path}", request=Request(path=path), expect=expect)


def all_runs() -> list[RealRun]:
    causes = [_causes(seed, size) for size in SIZES_BYTES for seed in SEEDS]
    hidden = [_causes(SEEDS[0], 512, heap=False)]
    recycled = [_recycled(seed) for seed in SEEDS]
    by_itself = [_by_itself(seed) for seed in SEEDS]
    tens, only_load = [ten(seed) for seed in SEEDS], [load_only(seed) for seed in SEEDS]
    tens_hidden = [ten_hidden(seed) for seed in SEEDS]
    return [*tens, *tens_hidden, hundred(), *only_load, *causes, *recycled, *by_itself, *hidden]


def quick_runs() -> list[RealRun]:
    paths = {"/static?bytes=512": True, "/global?bytes=256": True, "/extension": True}
    paths |= dict.fromkeys(("/clean", "/big", "/cache?keys=50", "/cycle", "/warmup"), False)
    return [RealRun("quick", SEEDS[0], paths, budget_s=25.0, calibrated=True)]


def ten(seed: int) -> RealRun:
    """Ten endpoints, one of which keeps about 500 B a request, at 300 requests/s."""
    return RealRun("ten", seed, _ten_paths(), rate=300.0, window_s=0.5, budget_s=60.0)


def ten_hidden(seed: int) -> RealRun:
    """The same by container memory alone, and one endpoint at a time beside it."""
    return replace(ten(seed), name="ten-hidden", budget_s=120.0, heap=False, rivals="one at a time")


def hundred() -> RealRun:
    """A hundred endpoints, ten of which keep about 150 B a request in one array."""
    paths = {f"/static?bytes=100&n={n}": True for n in range(0, 100, 10)}
    paths |= {f"/clean?n={n}": False for n in range(100) if n % 10}
    return RealRun("hundred", SEEDS[0], paths, budget_s=60.0)


def load_only(seed: int) -> RealRun:
    """What one request at a time doesn't show, or not in the worker that answers, beside clean twins and decoys."""
    error, contended = "/error?bytes=512", "/contended?bytes=512"
    paths = dict.fromkeys(
        ("/volume?bytes=512", contended, "/elsewhere?bytes=512", error, "/extension?bytes=2048"), True
    )
    pair = ("/pair/a?bytes=512", "/pair/b?bytes=512")
    clean = ("/volume/clean", "/contended/clean", "/elsewhere/clean", "/clean", "/big", "/cache?keys=100")
    return RealRun(
        "load-only",
        seed,
        paths | dict.fromkeys((*pair, *clean), False),
        expect={error: 500},
        calibrated=True,
        unsteady=(contended,),
        pairs=(pair,),
    )


def _ten_paths() -> dict[str, bool]:
    clean = ("/clean", "/static/clean", "/closure/clean", "/global/clean", "/singleton/clean", "/big", "/nested/clean")
    return {"/static?bytes=400": True, **dict.fromkeys(clean, False), "/health": False, "/growing-key/clean": False}


def _causes(seed: int, size: int, *, heap: bool = True) -> RealRun:
    leaking = [f"/{case}?bytes={size}" for case in SIZED] + [f"/{case}" for case in UNSIZED]
    error = f"/error?bytes={size}"
    paths = dict.fromkeys([*leaking, error], True) | dict.fromkeys([*DECOYS, NOT_FOUND[0]], False)
    return RealRun(
        f"causes-{size}B" if heap else f"causes-{size}B-hidden",
        seed,
        paths,
        expect={error: 500, NOT_FOUND[0]: NOT_FOUND[1]},
        threshold_bytes=32.0,
        budget_s=70.0 if size > SMALL_BYTES else 120.0,
        heap=heap,
        rivals="all" if heap and size == 512 and seed == SEEDS[0] else "none",
        calibrated=heap and (size < max(SIZES_BYTES) or seed == SEEDS[0]),
    )


def _twin(path: str) -> str:
    """Its query stays, by which it differs from a twin that is driven anyway."""
    place, mark, query = path.partition("?")
    return f"{place}/clean{mark}{query}"


def _recycled(seed: int) -> RealRun:
    paths = {"/static?bytes=512": True, "/global?bytes=256": True, "/clean": False, "/big": False, "/warmup": False}
    return RealRun("recycled", seed, paths, budget_s=20.0, environment={"MAX_REQUEST": "2000"})


def _by_itself(seed: int) -> RealRun:
    """Grows with time and without any traffic: nobody's fault."""
    paths = dict.fromkeys(("/self-timer", "/clean", "/static/clean", "/big"), False)
    return RealRun("by-itself", seed, paths, budget_s=20.0)


def is_native(path: str) -> bool:
    """Whether it keeps nothing on the PHP heap."""
    return path.startswith("/extension")


def native_bytes(path: str) -> float:
    """What glibc's malloc makes of a size: its header added, in steps of 16 bytes."""
    asked = int(path.partition("bytes=")[2] or 2048)
    return float(max(32, (asked + 8 + 15) // 16 * 16))
