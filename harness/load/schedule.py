"""The design of the load: which windows, in which order. Pure: everything follows from its arguments.

A randomised block design (R. A. Fisher, "The Arrangement of Field Experiments", 1926): each block drives every endpoint
in a window of its own, in random order, with idle windows among them, so that drift and time fall on all alike. Where
many endpoints are to be cleared they are driven in groups, drawn anew for each block. Where resident memory has to
tell, each window ends with a few requests of every endpoint, so that before each sample the same pages were touched.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.model.samples import WindowKind

_Item = TypeVar("_Item")

# A window's requests while little is known: a large leak shows in as few, and a small one in the larger ones after it.
SMALLEST_WINDOW_REQUESTS = 20
LARGEST_WINDOW_REQUESTS = 100_000
# What each member of a group gets of its first window.
FIRST_REQUESTS_OF_A_MEMBER = 4

# An idle window for every so many windows of load, and at least one a block.
LOADED_PER_IDLE = 8


@dataclass(frozen=True, slots=True)
class PlannedWindow:
    """`counts[i]` requests of endpoint i (all zero: idle for `idle_s` seconds), then `closing[i]`."""

    block: int
    kind: WindowKind
    counts: tuple[int, ...]
    idle_s: float = 0.0
    closing: tuple[int, ...] = ()


def window_requests(rate: float, window_s: float) -> int:
    """Requests of a full window of load, within what a window can be."""
    return min(max(round(rate * window_s), SMALLEST_WINDOW_REQUESTS), LARGEST_WINDOW_REQUESTS)


def grown(first: int, block: int, most: int) -> int:
    """Requests of a window of the `block`-th block: twice as many as in the one before, up to `most`."""
    return max(1, min(most, first << min(block, 30)))


@dataclass(frozen=True, slots=True)
class Design:
    """Draws windows for `endpoints` endpoints from `seed`; `requests` a window of load, `idle_s` an idle one.

    `closing`: so many requests of every endpoint end each window of a block.
    """

    seed: int
    endpoints: int
    requests: int
    idle_s: float
    closing: int = 0

    def warmup(self, requests_each: int) -> Iterator[PlannedWindow]:
        for endpoint in self._shuffled("warmup", range(self.endpoints)):
            yield PlannedWindow(0, "warmup", self._only(endpoint, requests_each))

    def first_use(self, requests: Mapping[int, int]) -> PlannedWindow:
        """All endpoints at once, before anything counts: every connection is made, and the app's own first uses are."""
        return PlannedWindow(0, "warmup", self._counts(requests))

    def block(self, number: int, requests: Mapping[int, int]) -> list[PlannedWindow]:
        """One window for each endpoint that has requests, and the idle ones, in random order."""
        closing = (self.closing,) * self.endpoints if self.closing else ()
        loaded = [
            PlannedWindow(number, "load", self._only(endpoint, count), closing=closing)
            for endpoint, count in requests.items()
        ]
        return self._among_idle(number, loaded)

    def groups(self, number: int, endpoints: Sequence[int], parts: int, requests: int) -> list[PlannedWindow]:
        """The endpoints in so many groups drawn at random, a window of `requests` each, and the idle ones."""
        drawn = self._shuffled(f"groups {number}", sorted(endpoints))
        loaded = [self._group(number, drawn[part::parts], requests) for part in range(min(parts, len(drawn)))]
        return self._among_idle(number, loaded)

    def pair(self, number: int, pair: tuple[int, int], windows: int) -> list[PlannedWindow]:
        """Windows of just the two, as many of each by itself with as many requests of its own, and the idle ones."""
        each = max(1, self.requests // len(pair))
        alone = [PlannedWindow(number, "load", self._only(endpoint, each)) for endpoint in pair]
        return self._among_idle(number, [self._group(number, pair, self.requests), *alone] * windows)

    def alone(self, number: int, endpoint: int, windows: int) -> list[PlannedWindow]:
        """An idle window, then the endpoint by itself for so many windows in a row."""
        return [self.idle(number), *[PlannedWindow(number, "load", self._only(endpoint, self.requests))] * windows]

    def idle(self, block: int) -> PlannedWindow:
        """Without load, as all that compare with it."""
        return PlannedWindow(block, "idle", (0,) * self.endpoints, self.idle_s)

    def mix(self, block: int, weights: Sequence[float], windows: int) -> list[PlannedWindow]:
        """The endpoints together, by weight: what none of them does by itself shows here."""
        return [PlannedWindow(block, "mix", self._by_weight(weights)) for _ in range(windows)]

    def soak(self, block: int, weights: Sequence[float]) -> PlannedWindow:
        """Production's mix, its counts drawn anew for each window as arrivals would."""
        draw = random.Random(f"{self.seed} soak {block}")
        drawn = draw.choices(range(self.endpoints), weights=weights, k=self.requests)
        return PlannedWindow(block, "soak", tuple(drawn.count(i) for i in range(self.endpoints)))

    def _group(self, number: int, members: Sequence[int], requests: int) -> PlannedWindow:
        each = max(1, requests // len(members))
        return PlannedWindow(number, "group", self._counts(dict.fromkeys(members, each)))

    def _among_idle(self, number: int, loaded: list[PlannedWindow]) -> list[PlannedWindow]:
        idle = [self.idle(number)] * max(1, len(loaded) // LOADED_PER_IDLE)
        return self._shuffled(f"block {number}", [*loaded, *idle])

    def _by_weight(self, weights: Sequence[float]) -> tuple[int, ...]:
        total = sum(weights)
        return tuple(max(1, round(self.requests * weight / total)) for weight in weights)

    def _only(self, endpoint: int, requests: int) -> tuple[int, ...]:
        return self._counts({endpoint: requests})

    def _counts(self, requests: Mapping[int, int]) -> tuple[int, ...]:
        return tuple(requests.get(i, 0) for i in range(self.endpoints))

    def _shuffled(self, purpose: str, items: Sequence[_Item]) -> list[_Item]:
        return random.Random(f"{self.seed} {purpose}").sample(items, len(items))
