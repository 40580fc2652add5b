"""How far a campaign is, and how long it will take yet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from statistics import mean

from harness.model.campaign import CampaignRun

_Case = tuple[str, str]


@dataclass(frozen=True)
class Progress:
    """`left` counts the runs without an answer by case, `took_s` has the times of those with one."""

    planned: int
    engines: int
    failed: int = 0
    left: Mapping[_Case, int] = field(default_factory=dict)
    took_s: Mapping[_Case, tuple[float, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, runs: Iterable[CampaignRun], engines: int) -> Progress:
        found = list(runs)
        left: dict[_Case, int] = {}
        for run in found:
            left[_case(run)] = left.get(_case(run), 0) + 1
        progress = cls(planned=len(found), engines=engines, left=left)
        for run in found:
            progress = progress.after(run)
        return progress

    @property
    def done(self) -> int:
        return self.planned - sum(self.left.values())

    @property
    def left_s(self) -> float | None:
        """By the mean time of each case's runs, of all runs where the case has none yet; None before the first."""
        every = [took for times in self.took_s.values() for took in times]
        if not every:
            return None
        work_s = sum(count * mean(self.took_s.get(case) or every) for case, count in self.left.items())
        return math.ceil(work_s / self.engines)

    def after(self, run: CampaignRun) -> Progress:
        """With this run's end; one that has to be made again changes nothing."""
        if run.state not in ("measured", "failed"):
            return self
        case, last = _case(run), run.last
        took_s = (
            {**self.took_s, case: (*self.took_s.get(case, ()), last.outcome.took_s)} if last and last.outcome else {}
        )
        return replace(
            self,
            failed=self.failed + (run.state == "failed"),
            left={**self.left, case: self.left[case] - 1},
            took_s=took_s or self.took_s,
        )


def _case(run: CampaignRun) -> _Case:
    return run.slot.scenario, run.slot.variant
