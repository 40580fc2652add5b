"""What each channel says of each endpoint, beside the one that decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness.analysis.decide import Decision, Settings
from harness.analysis.estimate import Estimates, estimate, usable_rows
from harness.analysis.windows import WindowTable
from harness.model.verdict import Channel


def by_channel(
    table: WindowTable, channels: Sequence[Channel], known: Mapping[Channel, Estimates] | None = None
) -> dict[Channel, Estimates]:
    """Estimates on each of `channels` that has windows enough; those that are `known` already are not made again."""
    found = dict(known or {})
    for channel in channels:
        if channel in found:
            continue
        try:
            found[channel] = estimate(table.select(usable_rows(table, channel)), channel)
        except ValueError:
            continue
    return found


def growth_by_channel(estimates: Mapping[Channel, Estimates], endpoints: int) -> list[dict[Channel, float]]:
    """Bytes a request of each endpoint, on the channels that tell it from the others."""
    grown: list[dict[Channel, float]] = [{} for _ in range(endpoints)]
    for channel, found in estimates.items():
        for e in np.flatnonzero(np.isfinite(found.error)):
            grown[e][channel] = round(float(found.mean[e]), 3) + 0.0
    return grown


def contradiction(estimates: Mapping[Channel, Estimates], endpoint: int, decision: Decision, settings: Settings) -> str:
    """What to say of an endpoint that keeps nothing on the heap, in whose windows other memory surely grew.

    It is no leak yet: pages that are touched once stay, whoever keeps what is in them.
    """
    if decision.outcome != "clean":
        return ""
    for channel, found in estimates.items():
        if not max(found.mean[endpoint], found.fit.slopes[endpoint]) > settings.threshold_bytes:
            continue
        level = 1.0 - settings.alpha / len(found.requests)
        least = float(found.lower(level)[endpoint]) - max(0.0, decision.upper_limit)
        if channel != "php_heap" and np.isfinite(least) and least > settings.threshold_bytes:
            return (
                f"{channel} grew by {found.mean[endpoint]:,.0f} B/request in its windows, the heap did not: pages "
                "touched for the first time, or memory outside of PHP that other windows did not confirm"
            )
    return ""
