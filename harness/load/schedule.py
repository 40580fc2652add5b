"""The design of the load: which windows, in which order. Pure: everything follows from its arguments.

A randomised block design (R. A. Fisher, "The Arrangement of Field Experiments", 1926): each block drives every endpoint
in a window of its own, in random order, with idle windows among them, so that drift and time fall on all alike.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.model.samples import WindowKind

_Item = TypeVar("_Item")

# An idle window for every so many windows of load, and at least one a block.
LOADED_PER_IDLE = 8


@dataclass(frozen=True, slots=True)
class PlannedWindow:
    """`counts[i]` requests of endpoint i (all zero: idle for `idle_s` seconds)."""

    block: int
    kind: WindowKind
    counts: tuple[int, ...]
    idle_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Design:
    """Draws windows for `endpoints` endpoints from `seed`; `requests` a window of load, `idle_s` an idle one."""

    seed: int
    endpoints: int
    requests: int
    idle_s: float

    def warmup(self, requests_each: int) -> Iterator[PlannedWindow]:
        for endpoint in self._shuffled("warmup", range(self.endpoints)):
            yield PlannedWindow(0, "warmup", self._only(endpoint, requests_each))

    def block(self, number: int, requests: Mapping[int, int]) -> list[PlannedWindow]:
        """One window for each endpoint that has requests, and the idle ones, in random order."""
        loaded = [PlannedWindow(number, "load", self._only(endpoint, count)) for endpoint, count in requests.items()]
        idle = [self._idle(number)] * max(1, len(loaded) // LOADED_PER_IDLE)
        return self._shuffled(f"block {number}", [*loaded, *idle])

    def alone(self, first_block: int, windows_each: int) -> Iterator[PlannedWindow]:
        """Each endpoint by itself for `windows_each` windows in a row, an idle window before and after."""
        for block, endpoint in enumerate(self._shuffled("alone", range(self.endpoints)), start=first_block):
            yield self._idle(block)
            for _ in range(windows_each):
                yield PlannedWindow(block, "load", self._only(endpoint, self.requests))
            yield self._idle(block)

    def mix(self, block: int, weights: Sequence[float], windows: int) -> list[PlannedWindow]:
        """The endpoints together, by weight: what none of them does by itself shows here."""
        return [PlannedWindow(block, "mix", self._by_weight(weights)) for _ in range(windows)]

    def soak(self, block: int, weights: Sequence[float]) -> PlannedWindow:
        """Production's mix, its counts drawn anew for each window as arrivals would."""
        draw = random.Random(f"{self.seed} soak {block}")
        drawn = draw.choices(range(self.endpoints), weights=weights, k=self.requests)
        return PlannedWindow(block, "soak", tuple(drawn.count(i) for i in range(self.endpoints)))

    def _by_weight(self, weights: Sequence[float]) -> tuple[int, ...]:
        total = sum(weights)
        return tuple(max(1, round(self.requests * weight / total)) for weight in weights)

    def _only(self, endpoint: int, requests: int) -> tuple[int, ...]:
        return tuple(requests if i == endpoint else 0 for i in range(self.endpoints))

    def _idle(self, block: int) -> PlannedWindow:
        return PlannedWindow(block, "idle", (0,) * self.endpoints, self.idle_s)

    def _shuffled(self, purpose: str, items: Sequence[_Item]) -> list[_Item]:
        return random.Random(f"{self.seed} {purpose}").sample(items, len(items))
