"""Whether growth went on for long enough to be more than a cache that is still filling.

Until it is full, a cache keeps the same for each request as a leak does: only volume tells them apart.
"""

from __future__ import annotations

from dataclasses import replace

from harness.analysis.decide import Decision, Settings

# So large a part of the requests asked for confirms as well as all of them: what counts is their order of magnitude.
CONFIRMED_SHARE = 0.4
# A cache that has grown to this size, in all processes together, is one that somebody has to limit.
LARGE_BYTES = 8 * 1024**2
MAY_FILL = "may be a cache that is still filling"


def unless_filling(decision: Decision, sent: int, settings: Settings) -> Decision:
    """A leak only where `sent` requests of the endpoint, or what they kept, rule out a cache that is still filling."""
    enough = sent >= fewest_requests(settings.confirm_requests)
    if decision.outcome != "leak" or enough or decision.ci95[0] * decision.requests >= LARGE_BYTES:
        return decision
    note = f"{MAY_FILL}: {sent:,} of {settings.confirm_requests:,} confirming requests could be sent"
    return replace(decision, outcome="inconclusive", note=note)


def fewest_requests(confirm_requests: int) -> float:
    """Requests to an endpoint from which on growth that goes on is a leak."""
    return CONFIRMED_SHARE * confirm_requests
