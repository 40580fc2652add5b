"""Whether growth went on for long enough to be more than a cache that is still filling.

Until it is full, a cache keeps the same for each request as a leak does: only volume tells them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.analysis.decide import Decision, Settings
from harness.analysis.resident import FLAT
from harness.model.verdict import EndpointOutcome

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


def few_requests_note(outcomes: Sequence[EndpointOutcome], sent: Sequence[int], settings: Settings) -> list[str]:
    """Endpoints that keep nothing, but were not asked often enough to see what begins only then."""
    enough = fewest_requests(settings.confirm_requests)
    flat = [count for outcome, count in zip(outcomes, sent, strict=True) if outcome in FLAT]
    few = [count for count in flat if count < enough]
    if not few:
        return []
    return [
        f"{len(few)} of {len(flat)} endpoints that keep nothing had fewer than {enough:,.0f} requests, the fewest "
        f"{min(few):,}: a leak that begins only after more is not seen; give it a longer budget"
    ]
