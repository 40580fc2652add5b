"""How often a leak comes back, with the limits that so few runs allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from scipy.special import betaincinv

from harness.model.campaign import CampaignRun, Reproduction
from harness.model.verdict import EndpointVerdict

LEVEL: Final = 0.95

_Key = tuple[str, str, str]


def reproductions(runs: Iterable[CampaignRun]) -> tuple[Reproduction, ...]:
    """One for each scenario, variant and endpoint of the measured runs, in the order of their names."""
    found: dict[_Key, list[EndpointVerdict]] = {}
    for run in runs:
        for endpoint in run.verdict.endpoints if run.verdict else ():
            found.setdefault((run.slot.scenario, run.slot.variant, endpoint.name), []).append(endpoint)
    return tuple(_reproduction(key, verdicts) for key, verdicts in sorted(found.items()))


def _reproduction(key: _Key, verdicts: Sequence[EndpointVerdict]) -> Reproduction:
    leaks = [each for each in verdicts if each.verdict == "leak"]
    sizes = [each.bytes_per_request for each in leaks]
    return Reproduction(
        scenario=key[0],
        variant=key[1],
        endpoint=key[2],
        runs=len(verdicts),
        verdicts=dict(Counter(each.verdict for each in verdicts).most_common()),
        rate=len(leaks) / len(verdicts),
        ci95=exact_limits(len(leaks), len(verdicts)),
        channels=tuple(dict.fromkeys(each.channel for each in leaks)),
        median_bytes_per_request=float(np.median(sizes)) if sizes else None,
        least_bytes_per_request=min(sizes, default=None),
        most_bytes_per_request=max(sizes, default=None),
    )


def exact_limits(hits: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Two-sided limits of a share (Clopper and Pearson, Biometrika 26, 1934): by quantiles of the beta distribution.

    They hold the true share with at least this probability, however few trials there are.
    """
    tail = (1 - level) / 2
    low = float(betaincinv(hits, trials - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, trials - hits, 1 - tail)) if hits < trials else 1.0
    return low, high
