"""Tickets: every process takes its own, and together they are the order, whole and once."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from harness.load.tickets import seeded_order, share_slots, tickets
from harness.model.load import WindowOrder

counts_strategy = st.lists(st.integers(min_value=0, max_value=40), min_size=1, max_size=5)


@given(
    counts=counts_strategy,
    users=st.lists(st.integers(min_value=1, max_value=7), min_size=1, max_size=5),
    seed=st.integers(),
    rate=st.sampled_from([0.0, 50.0]),
)
def test_the_shares_of_all_processes_are_the_whole_order(
    counts: list[int], users: list[int], seed: int, rate: float
) -> None:
    order = WindowOrder(index=3, counts=tuple(counts), rate=rate)
    issued = [10 * endpoint for endpoint in range(len(counts))]
    shares = [list(tickets(seed, order, slots, issued)) for slots in share_slots(users)]
    together = sorted(ticket for share in shares for ticket in share)
    assert Counter(ticket.endpoint for ticket in together) == Counter(
        {endpoint: count for endpoint, count in enumerate(counts) if count}
    )
    for endpoint, count in enumerate(counts):
        numbers = sorted(ticket.number for ticket in together if ticket.endpoint == endpoint)
        assert numbers == list(range(10 * endpoint, 10 * endpoint + count))
    releases = [place / 50 if rate else 0.0 for place in range(sum(counts))]
    assert all(
        abs(ticket.release_s - wanted) < 1e-9
        for ticket, wanted in zip(sorted(together, key=lambda each: each.release_s), releases, strict=True)
    )


@given(users=st.lists(st.integers(min_value=1, max_value=9), min_size=1, max_size=6))
def test_slots_are_as_many_as_users_and_leave_no_gap(users: list[int]) -> None:
    shares = share_slots(users)
    assert [slots.end - slots.first for slots in shares] == users
    assert [place for slots in shares for place in range(slots.first, slots.end)] == list(range(sum(users)))


@given(counts=counts_strategy, seed=st.integers())
def test_the_seed_repeats_the_order(counts: list[int], seed: int) -> None:
    order = WindowOrder(index=1, counts=tuple(counts))
    assert list(seeded_order(seed, order)) == list(seeded_order(seed, order))


def test_another_seed_or_another_window_gives_another_order() -> None:
    first, second = (WindowOrder(index=index, counts=(50, 50)) for index in (0, 1))
    orders = [tuple(seeded_order(seed, order)) for seed in (1, 2) for order in (first, second)]
    assert len(set(orders)) == 4
