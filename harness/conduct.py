"""Which windows a run needs, decided as it goes: warm-up, blocks until all is decided, native memory, the mix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.analysis.attribute import analyse
from harness.analysis.decide import Settings
from harness.analysis.resident import FLAT
from harness.analysis.windows import window_table
from harness.load.schedule import Design
from harness.model.samples import Sample
from harness.model.scenario import Scenario
from harness.model.verdict import Verdict
from harness.session import Session

LOOKS = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
CONFIRMING_BLOCKS = 4
NATIVE_BLOCKS = 6
MIX_WINDOWS = 4
SMALLEST_WINDOW_REQUESTS = 20
LARGEST_WINDOW_REQUESTS = 100_000
# Parts of the budget by whose end the blocks and the confirming of leaks have to be over.
BLOCKS_SHARE = 0.5
CONFIRMING_SHARE = 0.75
# A confirmed leak may grow the target by this much, and by this part of its memory limit.
CONFIRMING_BYTES = 256 * 1024**2
CONFIRMING_SHARE_OF_LIMIT = 0.3


def window_requests(rate: float, window_s: float) -> int:
    """Requests of a window of load, within what a window can be."""
    return min(max(round(rate * window_s), SMALLEST_WINDOW_REQUESTS), LARGEST_WINDOW_REQUESTS)


def measured_rate(samples: Sequence[Sample]) -> float:
    """Requests a second while there was load."""
    load_s = sum(sample.window.load_s for sample in samples if sample.window)
    return sum(samples[-1].requests) / load_s if load_s else 0.0


@dataclass
class Conductor:
    """Drives a session by a scenario; `looked` is told each interim verdict."""

    scenario: Scenario
    session: Session
    settings: Settings
    heap: bool
    looked: Callable[[Verdict], None]
    memory_limit_bytes: int | None = None
    block: int = 0
    _last_look: tuple[int, Verdict] | None = None

    def perform(self) -> None:
        """Drives everything that the scenario's profile asks for, within its budget of time."""
        plan, session = self.scenario.load, self.session
        warm = self._design(plan.warmup_requests)
        session.drive(warm.warmup(plan.warmup_requests) if plan.warmup_requests else ())
        began_s = session.elapsed_s
        deadline_s = began_s + plan.budget_s
        design = self._design(window_requests(self._rate(), plan.window_s))
        if plan.profile == "soak":
            self._soak(design, deadline_s)
        elif not self.heap:
            self._each_alone(design, deadline_s)
        else:
            self._blocks(design, began_s + BLOCKS_SHARE * plan.budget_s)
            self._confirm(design, began_s + CONFIRMING_SHARE * plan.budget_s)
            self._native(design, deadline_s)
            self._mix(design)

    def _design(self, requests: int) -> Design:
        count = len(self.scenario.endpoints)
        return Design(self.scenario.seed, count, requests, self.scenario.load.window_s)

    def _rate(self) -> float:
        """Requests/s; where no rate was asked for, by the pace of the warm-up."""
        return self.scenario.load.rate or measured_rate(self.session.samples)

    def _blocks(self, design: Design, deadline_s: float) -> None:
        active = list(range(len(self.scenario.endpoints)))
        while active and not self.session.stopped() and self.session.elapsed_s < deadline_s:
            self.session.drive(design.block(self.block, dict.fromkeys(active, design.requests)))
            self.block += 1
            design = self._smaller_if_broken(design)
            if self.block in LOOKS:
                active = self._undecided(self._look())

    def _confirm(self, design: Design, deadline_s: float) -> None:
        """Many more requests for what seems to leak: a cache fills up, and the cycle collector runs, by volume."""
        rounds, suspects = 0, self._suspects(deadline_s - self.session.elapsed_s)
        while suspects and not self.session.stopped() and self.session.elapsed_s < deadline_s:
            self.session.drive(design.block(self.block, suspects))
            self.block += 1
            rounds += 1
            if rounds >= CONFIRMING_BLOCKS:
                found = self._look().endpoints
                suspects = {e: count for e, count in suspects.items() if found[e].verdict == "inconclusive"}

    def _suspects(self, left_s: float) -> dict[int, int]:
        """Requests of a confirming window for each endpoint that seems to leak; all blocks together fit `left_s`."""
        limit = self.memory_limit_bytes
        allowed = min(CONFIRMING_BYTES, CONFIRMING_SHARE_OF_LIMIT * limit) if limit else CONFIRMING_BYTES
        growing = [
            (e, found.bytes_per_request)
            for e, found in enumerate(self._look().endpoints)
            if found.verdict == "leak" or (found.verdict == "inconclusive" and found.ci95[0] > 0)
        ]
        share = allowed / CONFIRMING_BLOCKS / max(1, len(growing))
        in_time = left_s * self._rate() / CONFIRMING_BLOCKS / max(1, len(growing))
        most = min(self.scenario.load.confirm_requests / CONFIRMING_BLOCKS, in_time)
        if most < SMALLEST_WINDOW_REQUESTS:
            return {}
        return {e: max(1, int(min(most, share / max(size, 1.0)))) for e, size in growing}

    def _native(self, design: Design, deadline_s: float) -> None:
        """Blocks of the endpoints that keep nothing on the heap: what grows now is native memory."""
        quiet = [e for e, found in enumerate(self._look().endpoints) if found.verdict in FLAT]
        for _ in range(NATIVE_BLOCKS if quiet else 0):
            if self.session.elapsed_s >= deadline_s:
                return
            self.session.drive(design.block(self.block, dict.fromkeys(quiet, design.requests)))
            self.block += 1

    def _mix(self, design: Design) -> None:
        if len(self.scenario.endpoints) > 1:
            weights = [endpoint.weight for endpoint in self.scenario.endpoints]
            self.session.drive(design.mix(self.block, weights, MIX_WINDOWS))

    def _each_alone(self, design: Design, deadline_s: float) -> None:
        left_s = deadline_s - self.session.elapsed_s
        each = int(left_s / len(self.scenario.endpoints) / self.scenario.load.window_s)
        self.session.drive(design.alone(self.block, max(1, each - 2)))

    def _soak(self, design: Design, deadline_s: float) -> None:
        weights = [endpoint.weight for endpoint in self.scenario.endpoints]
        while not self.session.stopped() and self.session.elapsed_s < deadline_s:
            self.session.drive([design.soak(self.block, weights)])
            self.block += 1
            if self.block in LOOKS:
                self._look()

    def _look(self) -> Verdict:
        """The verdict so far; analysed and told once for the same samples, however often it is asked for."""
        taken = len(self.session.samples)
        if self._last_look is None or self._last_look[0] != taken:
            verdict = analyse(self.session.recording, self.settings)
            self.looked(verdict)
            self._last_look = taken, verdict
        return self._last_look[1]

    def _undecided(self, verdict: Verdict) -> list[int]:
        return [e for e, found in enumerate(verdict.endpoints) if found.verdict == "inconclusive"]

    def _smaller_if_broken(self, design: Design) -> Design:
        """Half the requests a window where more than half of the windows lost a process to recycling."""
        table = window_table(self.session.recording)
        if len(table) == 0 or table.broken.mean() <= 0.5 or design.requests <= SMALLEST_WINDOW_REQUESTS:
            return design
        return self._design(max(SMALLEST_WINDOW_REQUESTS, design.requests // 2))
