"""Which request is sent when: a window's tickets in their seeded order, and how many processes share them.

Every process draws the same order and takes its own places of it, so a ticket belongs to exactly one of them.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.model.load import WindowOrder


class Ticket(NamedTuple):
    """One request: `release_s` after the window's start, the `number`-th (from 0) of its endpoint in the run."""

    release_s: float
    endpoint: int
    number: int


class Slots(NamedTuple):
    """The places `k` of the order with `first <= k % of < end`: as many as the process has users, out of all."""

    first: int
    end: int
    of: int


def seeded_order(seed: int, order: WindowOrder) -> Sequence[int]:
    """The endpoints of the window's tickets in the order of their release: same seed and order, same answer."""
    endpoints = array("L")
    for endpoint, count in enumerate(order.counts):
        endpoints.extend([endpoint] * count)
    random.Random(f"{seed}/{order.index}").shuffle(endpoints)
    return endpoints


def tickets(seed: int, order: WindowOrder, slots: Slots, issued: Sequence[int]) -> Iterator[Ticket]:
    """This process's tickets; `issued[i]` of endpoint i went out in earlier windows."""
    numbers = list(issued)
    interval_s = 1 / order.rate if order.rate else 0.0
    for place, endpoint in enumerate(seeded_order(seed, order)):
        number = numbers[endpoint]
        numbers[endpoint] += 1
        if slots.first <= place % slots.of < slots.end:
            yield Ticket(place * interval_s, endpoint, number)


def share_slots(users: Sequence[int]) -> tuple[Slots, ...]:
    """Slots in proportion to the users of each process."""
    total = sum(users)
    ends = [sum(users[: index + 1]) for index in range(len(users))]
    return tuple(Slots(end - count, end, total) for end, count in zip(ends, users, strict=True))
