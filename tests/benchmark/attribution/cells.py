"""The grid: kinds of noise × leaks × numbers of endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tests.benchmark.attribution.simulated import Keeps, Noise

THRESHOLD_BYTES = 64.0
MEMORY_LIMIT_BYTES = 512 * 1024**2
# With hundreds of endpoints a draw takes five times as long where there is noise.
NOISY_SHARE = 0.2
CLEAN = Keeps()
BIG = Keeps(in_flight_bytes=200_000.0)
LIST = Keeps(500.0)

# In windows of 150 requests most of these are, beside the threshold of 64 B a request, neither small nor hopeless.
NOISES: Mapping[str, Noise] = {
    "exact": Noise(),
    "white": Noise(reading=3000.0),
    "walk": Noise(walk=4000.0),
    "drift": Noise(reading=300.0, drift=20_000.0),
    "per-request": Noise(per_request=300.0),
    "heavy-tailed": Noise(heavy=1500.0),
    "restarts": Noise(reading=300.0, recycle_after=1500),
    "pages-4KiB": Noise(reading=4096.0),
    "pages-2MiB": Noise(page=2 * 1024**2),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """`leaking` go to random places among `endpoints`; one of the others answers with large responses.

    `transients`: all that doesn't leak warms up or fills a cache. `heap` False: only container memory can be read.
    `share` of the asked number of draws is what this cell takes. `budget_s` and `rate` are the scenario's.
    """

    name: str
    noise: Noise
    leaking: tuple[Keeps, ...] = ()
    endpoints: int = 10
    threshold_bytes: float = THRESHOLD_BYTES
    transients: bool = False
    heap: bool = True
    budget_s: float = 60.0
    rate: float = 300.0
    share: float = 1.0

    def app(self, draw: np.random.Generator) -> list[Keeps]:
        others = self.endpoints - len(self.leaking)
        rest = [_transient(draw) for _ in range(others)] if self.transients else [CLEAN] * others
        rest[0] = BIG
        together = [*self.leaking, *rest]
        return [together[place] for place in draw.permutation(len(together))]

    def draws(self, asked: int) -> int:
        return max(1, round(asked * self.share))


def all_cells() -> tuple[Cell, ...]:
    return (*_ten(), *_many(100, budget_s=600.0, share=0.2), *_many(500, budget_s=3000.0, share=0.02))


def quick_cells() -> tuple[Cell, ...]:
    """One cell of each kind of thing that can go wrong."""
    wanted = {"exact-500B", "white-null", "white-64B", "heavy-tailed-500B", "caches-null", "pages-4KiB-500B"}
    return tuple(cell for cell in all_cells() if cell.name.removeprefix("10-") in wanted)


def _ten() -> list[Cell]:
    cells = []
    for kind, noise in NOISES.items():
        heap = not kind.startswith("pages")
        leak = replace(LIST, in_array=kind == "exact")
        cells.append(Cell(f"10-{kind}-null", noise, heap=heap))
        cells.append(Cell(f"10-{kind}-500B", noise, (leak,), heap=heap))
    for size in (32, 128, 2048, 16_384):
        array = Keeps(float(size), in_array=True)
        cells.append(Cell(f"10-exact-{size}B", Noise(), (array,), threshold_bytes=min(THRESHOLD_BYTES, size / 2)))
    borderline = [("white", 64), ("per-request", 64), ("heavy-tailed", 64), ("white", 128), ("per-request", 128)]
    cells += [Cell(f"10-{kind}-{size}B", NOISES[kind], (Keeps(float(size)),)) for kind, size in borderline]
    several = (Keeps(128.0), Keeps(1024.0, in_array=True), Keeps(16_384.0))
    cells.append(Cell("10-white-several", NOISES["white"], several))
    cells.append(Cell("10-native-2048B", NOISES["exact"], (Keeps(2048.0, native=True),)))
    cells.append(Cell("10-caches-null", Noise(reading=300.0), transients=True))
    cells.append(Cell("10-caches-500B", Noise(reading=300.0), (LIST,), transients=True))
    return cells


def _many(endpoints: int, *, budget_s: float, share: float) -> list[Cell]:
    kinds = {"exact-null": (), "white-null": (), "exact-500B": (LIST,), "white-several": (LIST,) * (endpoints // 20)}
    return [
        Cell(
            f"{endpoints}-{name}",
            NOISES[name.split("-")[0]],
            tuple(replace(leak, in_array=name.startswith("exact")) for leak in leaking),
            endpoints=endpoints,
            budget_s=budget_s,
            share=share if name.startswith("exact") else NOISY_SHARE * share,
        )
        for name, leaking in kinds.items()
    ]


def _transient(draw: np.random.Generator) -> Keeps:
    """A cache with a limit, a warm-up, or nothing."""
    kind = draw.integers(3)
    if kind == 0:
        return Keeps(float(draw.integers(200, 2000)), entries=float(draw.integers(50, 800)))
    return Keeps(4096.0, entries=float(draw.integers(1, 40))) if kind == 1 else CLEAN
