"""Window tables drawn at random around known slopes, many of them: how often is the analysis wrong?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.analysis.columns import NO_BLOCK, Indices
from harness.analysis.decide import Settings, decide
from harness.analysis.windows import COLLECTOR, COUNTED, Floats, WindowTable

REQUESTS = 150
IDLE_S = 0.5

NoiseName = Literal["none", "window", "reading", "request", "heavy"]
Noise = Callable[[Floats, np.random.Generator], Floats]

# Bytes of growth a window, given the requests (n, p): the same in each window, of the readings around it (so neighbours
# are correlated), growing with the root of the requests, and with tails that have no variance.
NOISES: Mapping[NoiseName, Noise] = {
    "none": lambda requests, draw: np.zeros(len(requests)),
    "window": lambda requests, draw: draw.normal(0, 2000, len(requests)),
    "reading": lambda requests, draw: np.diff(draw.normal(0, 1500, len(requests) + 1)),
    "request": lambda requests, draw: draw.normal(0, 150, len(requests)) * np.sqrt(requests.sum(axis=1)),
    "heavy": lambda requests, draw: draw.standard_t(2, len(requests)) * 1500,
}


def table_of(
    requests: Floats, growth: Floats, duration_s: Floats | None = None, block: Indices | None = None
) -> WindowTable:
    """Windows in which only the PHP heap was read, one after another."""
    rows = len(requests)
    return WindowTable(
        endpoints=tuple(f"GET /{e}" for e in range(requests.shape[1])),
        requests=requests,
        duration_s=np.full(rows, IDLE_S) if duration_s is None else duration_s,
        load_s=np.zeros(rows),
        growth={"php_heap": growth},
        freed=np.full(rows, np.nan),
        uncollected=np.full(rows, np.nan),
        counts=dict.fromkeys((*COUNTED, *COLLECTOR), np.full(rows, np.nan)),
        broken=np.zeros(rows, dtype=bool),
        disturbed=np.zeros(rows, dtype=bool),
        mix=np.zeros(rows, dtype=bool),
        group=np.zeros(rows, dtype=bool),
        number=np.arange(rows),
        block=np.full(rows, NO_BLOCK) if block is None else block,
    )


def one_at_a_time(endpoints: int, blocks: int, draw: np.random.Generator, *, confirming: int = 0) -> Floats:
    """(n, p): blocks of a window for each endpoint and an idle one, then `confirming` of eight times the size."""
    sizes = [REQUESTS] * blocks + [8 * REQUESTS] * confirming
    whole = [draw.permutation(np.vstack([np.eye(endpoints) * size, np.zeros(endpoints)])) for size in sizes]
    return np.vstack(whole)


@dataclass(frozen=True)
class Rates:
    """Shares of the draws, by endpoint: `leak` and `clean` verdicts, and 95% limits that held the truth.

    `time_covered` is the same for growth by time, `time_blamed` how often it was called sure at 99%.
    """

    leak: Floats
    clean: Floats
    covered: Floats
    time_covered: float
    time_blamed: float


def rates(
    noise: NoiseName, slopes: Sequence[float], *, blocks: int, confirming: int = 0, draws: int = 150, seed: int = 1
) -> Rates:
    """What `decide` says at 99% confidence of endpoints that keep exactly `slopes` bytes a request, and of no drift."""
    draw = np.random.default_rng(seed)
    truth = np.array(slopes)
    said, covered, time_covered, time_blamed = [], [], [], []
    for _ in range(draws):
        requests = one_at_a_time(len(truth), blocks, draw, confirming=confirming)
        found = decide(table_of(requests, requests @ truth + NOISES[noise](requests, draw)), "php_heap", Settings())
        assert found is not None
        decisions, whole = found
        said.append([decision.outcome for decision in decisions])
        covered.append([d.ci95[0] <= true <= d.ci95[1] for d, true in zip(decisions, truth, strict=True)])
        assert whole.time is not None
        time_covered.append(whole.time.lower(0.975) <= 0 <= whole.time.upper(0.975))
        time_blamed.append(whole.time.lower(0.99) > 0)
    outcomes = np.array(said)
    return Rates(
        leak=np.mean(outcomes == "leak", axis=0),
        clean=np.mean(outcomes == "clean", axis=0),
        covered=np.mean(covered, axis=0),
        time_covered=float(np.mean(time_covered)),
        time_blamed=float(np.mean(time_blamed)),
    )
