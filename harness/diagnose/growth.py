"""What grows with the number of requests: of two fresh targets, the one had twice as many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from harness.diagnose.protocol import Allocation
from harness.model.diagnosis import Suspect

# Less than this share of a block a request is somebody's one-time allocation that fell on the other side.
FEWEST_CALLS = 0.5
MOST_SUSPECTS = 20
MOST_FRAMES = 24


def suspects_of(
    fewer: Iterable[Allocation],
    more: Iterable[Allocation],
    requests: int,
    *,
    where: Callable[[Sequence[str]], int] = lambda _stack: 0,
) -> list[Suspect]:
    """Allocations that became more with `requests` more requests, the largest first.

    A place counts where it has at least half a block and a byte, or eight bytes, more for each request. `where` is the
    place in a stack of what the app or an extension did itself.
    """
    sizes_before, counts_before = _summed(fewer)
    sizes_after, counts_after = _summed(more)
    found = []
    for place, size in sizes_after.items():
        grown = (size - sizes_before[place]) / requests
        calls = (counts_after[place] - counts_before[place]) / requests
        if is_grown(grown, calls):
            found.append(_suspect(place, where(place[1]), grown, calls))
    return sorted(found, key=lambda suspect: -suspect.bytes_per_request)[:MOST_SUSPECTS]


def is_grown(grown_bytes: float, calls: float) -> bool:
    """Whether so much a request is more than a one-time allocation that fell on the other side."""
    return grown_bytes >= 1.0 and (calls >= FEWEST_CALLS or grown_bytes >= 8.0)


def _summed(
    allocations: Iterable[Allocation],
) -> tuple[Counter[tuple[str, tuple[str, ...]]], Counter[tuple[str, tuple[str, ...]]]]:
    sizes: Counter[tuple[str, tuple[str, ...]]] = Counter()
    counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for allocation in allocations:
        place = allocation.kind, allocation.stack
        sizes[place] += allocation.size_bytes
        counts[place] += allocation.blocks
    return sizes, counts


def _suspect(place: tuple[str, tuple[str, ...]], start: int, grown: float, calls: float) -> Suspect:
    kind, stack = place
    own = stack[start:] or stack
    return Suspect(
        where=own[0] if own else "unknown",
        bytes_per_request=round(grown, 3),
        calls_per_request=round(calls, 3),
        kind=kind,
        stack=own[:MOST_FRAMES],
    )
