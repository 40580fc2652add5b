"""Blocks of windows on a session, sized as it goes, and a look at what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harness.analysis.attribute import Analysis
from harness.analysis.decide import Settings
from harness.analysis.windows import WindowTable
from harness.load.schedule import (
    LARGEST_WINDOW_REQUESTS,
    SMALLEST_WINDOW_REQUESTS,
    Design,
    PlannedWindow,
    grown,
    window_requests,
)
from harness.measuring.session import Session
from harness.measuring.timing import Look
from harness.model.samples import Sample
from harness.model.scenario import Scenario
from harness.model.verdict import EndpointOutcome, Verdict

LOOKS = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
# Idle windows in parts of the length of those with load.
IDLE_SHARE = 0.5


def measured_rate(samples: Sequence[Sample]) -> float:
    """Requests a second while there was load."""
    load_s = sum(sample.window.load_s for sample in samples if sample.window)
    return sum(samples[-1].requests) / load_s if load_s else 0.0


@dataclass
class Drive:
    """`block` counts blocks, `looks` keeps what each interim verdict said, of which `looked` is told.

    `began_s` is when the load began, on the session's clock. `closing`: requests of every endpoint at the end of each
    window of a block. `longest`: how many of the scenario's windows one window may be as long as.
    """

    scenario: Scenario
    session: Session
    settings: Settings
    looked: Callable[[Verdict], None]
    block: int = 0
    began_s: float = 0.0
    closing: int = 0
    longest: int = 1
    looks: list[Look] = field(default_factory=list)
    _full: int = SMALLEST_WINDOW_REQUESTS
    _survived: int = LARGEST_WINDOW_REQUESTS
    _last_look: tuple[int, Verdict] | None = None

    def __post_init__(self) -> None:
        self.began_s = self.session.elapsed_s
        self._analysis = Analysis(self.session.header, self.settings)

    @property
    def count(self) -> int:
        return len(self.scenario.endpoints)

    @property
    def load_s(self) -> float:
        return self.session.elapsed_s - self.began_s

    @property
    def most(self) -> int:
        """Requests of a full window, of which not most lose a process to recycling."""
        return min(self.longest * self._full, self._survived)

    @property
    def design(self) -> Design:
        """Full windows."""
        return self.design_of(self.most, self.scenario.load.window_s)

    def design_of(self, requests: int, idle_s: float) -> Design:
        return Design(self.scenario.seed, self.count, requests, idle_s, self.closing)

    def paced(self, requests: int) -> Design:
        """Idle windows by the length of those of so many requests; as long where those have an end of their own."""
        rate, window_s = self.rate(), self.scenario.load.window_s
        if not rate:
            return self.design_of(requests, window_s)
        if self.closing:
            return self.design_of(requests, (requests + self.closing * self.count) / rate)
        return self.design_of(requests, IDLE_SHARE * min(window_s, requests / rate))

    def rate(self) -> float:
        """Requests/s; where no rate was asked for, by the pace so far."""
        return self.scenario.load.rate or measured_rate(self.session.samples)

    def warmed_up(self) -> None:
        """From here on the pace is known."""
        self._full = window_requests(self.rate(), self.scenario.load.window_s)

    def grown(self, first: int, rounds: int, windows: int, until_s: float, again: int = LOOKS[0]) -> int:
        """Requests of a window in the `rounds`-th block of its kind, which leaves time for `again` such blocks."""
        each_s = (until_s - self.session.elapsed_s) / windows / again - self.session.wait_s
        in_time = int(each_s * self.rate()) - self.closing * self.count
        return grown(min(first, self._survived), rounds, max(first, min(self.most, in_time)))

    def over(self, until_s: float) -> bool:
        return self.session.stopped() or self.session.elapsed_s >= until_s

    def drive(self, windows: Sequence[PlannedWindow]) -> None:
        """A block; full windows become smaller where most of its own lose a process to recycling."""
        self.session.drive(windows)
        self.block += 1
        table = self.table()
        loaded = table.broken[-len(windows) :][table.requests[-len(windows) :].any(axis=1)]
        if len(loaded) and loaded.mean() > 0.5:
            largest = max(sum(window.counts) for window in windows)
            self._survived = max(SMALLEST_WINDOW_REQUESTS, min(self._survived, largest) // 2)

    def table(self) -> WindowTable:
        return self._take().table()

    def outcome(self, endpoint: int) -> EndpointOutcome:
        """By what there is."""
        return self.look().endpoints[endpoint].verdict

    def look(self) -> Verdict:
        """The verdict so far; analysed and told once for the same samples, however often it is asked for."""
        taken = len(self.session.samples)
        if self._last_look is None or self._last_look[0] != taken:
            verdict = self._take().verdict()
            self.looked(verdict)
            outcomes = tuple(found.verdict for found in verdict.endpoints)
            self.looks.append(Look(self.load_s, sum(self.session.samples[-1].requests), outcomes))
            self._last_look = taken, verdict
        return self._last_look[1]

    def _take(self) -> Analysis:
        self._analysis.take(self.session.samples[len(self._analysis) :])
        return self._analysis
