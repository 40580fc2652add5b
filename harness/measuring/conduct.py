"""Which windows a run needs, decided as it goes.

What the screening saw keep memory is driven by itself; what it saw keep nothing is driven in random groups, whose
windows clear all their members at once where they stand still. Then the confirming of leaks, volume, native memory, the
mix; and where those kept what nobody is known to keep, who it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from harness.analysis.confirming import fewest_requests
from harness.analysis.decide import Settings
from harness.analysis.estimate import QUANTUM_BYTES
from harness.analysis.resident import FLAT, native_suspects, native_undecided
from harness.load.schedule import SMALLEST_WINDOW_REQUESTS, PlannedWindow
from harness.measuring.deciding import FEWEST_GROUPED, GROUP_BLOCKS, PARTS, Decider
from harness.measuring.driving import LOOKS, Drive
from harness.measuring.session import Session
from harness.measuring.timing import Look, Stages
from harness.model.scenario import Scenario
from harness.model.verdict import EndpointVerdict, Verdict

CONFIRMING_BLOCKS = 4
NATIVE_BLOCKS = 6
NATIVE_ROUNDS = 3
NATIVE_PAGES = 5
# So many suspects of native memory are reckoned with.
LIKELY = 2
MIX_WINDOWS = 4
# The kernel's figures of a container are up to two seconds old.
KERNEL_LATE_S = 2.1
# Without heaps: requests of every endpoint at the end of each window, its own in the first, how many of the scenario's
# windows it may be as long as, and the part of the time until what seems to leak is confirmed.
CLOSING = 4
LEVEL_FIRST = 24
LONGEST = 4
LEVEL_SHARE = 0.6
# First uses of what was screened already: of the load's own connections.
FIRST_USES_EACH = 2
FIRST_USES_A_USER = 10
# Parts of the budget by whose end the blocks, the confirming of leaks and the native memory have to be over.
BLOCKS_SHARE = 0.5
CONFIRMING_SHARE = 0.75
NATIVE_SHARE = 0.95
# A confirmed leak may grow the target by this much, and by this part of its memory limit.
CONFIRMING_BYTES = 256 * 1024**2
CONFIRMING_SHARE_OF_LIMIT = 0.3


@dataclass
class Conductor:
    """Drives a session by a scenario; `looked` is told each interim verdict.

    `screened` is what the screening said, None where there was none.
    """

    scenario: Scenario
    session: Session
    settings: Settings
    heap: bool
    looked: Callable[[Verdict], None]
    memory_limit_bytes: int | None = None
    screened: Verdict | None = None

    def __post_init__(self) -> None:
        # A look calls a leak before it is confirmed; whether it was in the end is for the verdict of the whole run.
        provisional = replace(self.settings, confirm_requests=0)
        self.drive = Drive(self.scenario, self.session, provisional, self.looked)

    def perform(self) -> None:
        """Drives everything that the scenario's profile asks for, within its budget of time."""
        plan = self.scenario.load
        if not self.heap:
            self.session.exact = self._can_be_exact
        self._warm_up()
        self.drive.warmed_up()
        began_s = self.session.elapsed_s

        def share(of_budget: float) -> float:
            return began_s + of_budget * plan.budget_s

        if plan.profile == "soak":
            self._soak(share(1.0))
        elif not self.heap:
            self._level(share(1.0))
        else:
            decider = Decider(self.drive, self.screened)
            decider.decide(share(BLOCKS_SHARE))
            self._confirm(share(CONFIRMING_SHARE))
            before = len(self.drive.table())
            self.session.exact = self._can_be_exact
            self._at_volume(decider, share(NATIVE_SHARE) - self._native_s())
            self._native(share(NATIVE_SHARE), before)
            self._at_volume(decider, share(NATIVE_SHARE))
            self._mix()
            decider.follow(share(1.0))
            self._confirm(share(1.0), again=False)
        self.drive.look()

    @property
    def _can_be_exact(self) -> bool:
        """The first sample holds everything that the target's samples can."""
        return any(process.private_dirty_bytes is not None for process in self.session.samples[0].processes)

    @property
    def looks(self) -> list[Look]:
        return self.drive.looks

    def stages(self, screening_s: float) -> Stages:
        """What the stages took until now."""
        sent = sum(self.session.samples[-1].requests)
        return Stages(screening_s, self.drive.load_s, sum(self._screened_requests()), sent)

    def _warm_up(self) -> None:
        """Each endpoint by itself that wasn't screened, then all at once over the load's connections.

        Without heaps too: what came after the largest response has taken its pages, and it takes others.
        """
        asked, plan = self._screened_requests(), self.scenario.load
        if not plan.warmup_requests:
            return
        cold = {e for e in range(self.drive.count) if asked[e] < SMALLEST_WINDOW_REQUESTS}
        windows = self.drive.design_of(plan.warmup_requests, plan.window_s).warmup(plan.warmup_requests)
        self.session.drive(window for window in windows if any(window.counts[e] for e in cold))
        if len(cold) < self.drive.count or not self.heap:
            each = max(FIRST_USES_EACH, FIRST_USES_A_USER * plan.users // self.drive.count)
            self.session.drive([self.drive.design.first_use(dict.fromkeys(range(self.drive.count), each))])

    def _screened_requests(self) -> list[int]:
        return [found.requests for found in self.screened.endpoints] if self.screened else [0] * self.drive.count

    def _at_volume(self, decider: Decider, until_s: float) -> None:
        """So many requests to what keeps nothing as tell a leak from a cache."""
        decider.at_volume(fewest_requests(self.scenario.load.confirm_requests), until_s)
        self._confirm(until_s, again=False)

    def _native_s(self) -> float:
        """What native memory takes, which volume leaves free for it: groups, and windows of the likeliest."""
        late_s = KERNEL_LATE_S if self.session.samples[0].cgroup and not self._can_be_exact else 0.0
        blocks = 0 if self.drive.count < FEWEST_GROUPED else GROUP_BLOCKS if late_s else NATIVE_BLOCKS
        alone = min(LIKELY, self.drive.count) * self._by_itself(0)
        return blocks * PARTS * (late_s + self.scenario.load.window_s) + self._takes_s(alone, late_s)

    def _native(self, until_s: float, before: int) -> None:
        """What resident memory still grows by while only endpoints are driven that keep nothing on the heap.

        Groups first, unless their time is short; who is suspected by them, or by the windows since the `before`-th, is
        then driven by itself, and again while that tells of growth and not how much.
        """
        on_heap = [found.verdict not in FLAT for found in self.drive.look().endpoints]
        quiet = [e for e in range(self.drive.count) if not on_heap[e]]
        self._read_closely()
        if len(quiet) >= FEWEST_GROUPED:
            for _ in range(GROUP_BLOCKS if self.session.wait_s else NATIVE_BLOCKS):
                block = self.drive.design.groups(self.drive.block, quiet, PARTS, self.drive.most)
                self._if_it_fits([window for window in block if window.kind == "group"], until_s)
            table = self.drive.table()
            quiet = native_suspects(table.select(np.arange(len(table)) >= before), self.settings, on_heap)
        for _ in range(NATIVE_ROUNDS):
            for endpoint in quiet:
                self._if_it_fits(self._by_itself(endpoint), until_s)
            quiet = native_undecided(self.drive.table(), self.settings, on_heap)
        self.session.wait_s, self.session.exact = 0.0, False
        self.drive.look()

    def _by_itself(self, endpoint: int) -> list[PlannedWindow]:
        """Windows of it, each large enough for the smallest growth called a leak to fill some pages, and as long ones
        without load, which tell what grows by time alone.
        """
        filling = round(NATIVE_PAGES * QUANTUM_BYTES["private_dirty"] / self.settings.threshold_bytes)
        requests = max(self.drive.most, min(LONGEST * self.drive.most, filling))
        idle_s = max(self.scenario.load.window_s, requests / max(1.0, self.drive.rate()))
        design = self.drive.design_of(requests, idle_s)
        return design.alone(self.drive.block, endpoint, NATIVE_BLOCKS // 2) * 2

    def _read_closely(self) -> None:
        """The processes' own private memory, which is exact at once; else the container's, when that is up to date.

        An idle window comes first, since growth is a difference of two such readings.
        """
        if self.session.exact:
            self.drive.drive([self.drive.design.idle(self.drive.block)])
        elif self.session.samples[0].cgroup:
            self.session.wait_s = KERNEL_LATE_S

    def _if_it_fits(self, windows: list[PlannedWindow], until_s: float) -> None:
        """Drives the block unless it would end too late."""
        if not self.drive.over(until_s - self._takes_s(windows, self.session.wait_s)):
            self.drive.drive(windows)

    def _takes_s(self, windows: list[PlannedWindow], late_s: float) -> float:
        """Each as long as the largest."""
        largest_s = max(sum(window.counts) for window in windows) / max(1.0, self.drive.rate())
        return len(windows) * (late_s + max(largest_s, self.scenario.load.window_s))

    def _confirm(self, until_s: float, *, again: bool = True) -> None:
        """Many more requests for what seems to leak: a cache fills up, and the cycle collector runs, by volume.

        `again`: what that left untold gets more of them while there is time. Without, only who had too few of them.
        """
        enough, sent = fewest_requests(self.scenario.load.confirm_requests), self.session.samples[-1].requests
        tried = set() if again else {e for e in range(self.drive.count) if sent[e] >= enough}
        while not self.drive.over(until_s):
            suspects = self._to_confirm(until_s - self.session.elapsed_s, tried, again=again)
            if not suspects:
                return
            tried |= suspects.keys()
            for rounds in range(CONFIRMING_BLOCKS):
                if rounds == CONFIRMING_BLOCKS // 2:
                    suspects = {e: count for e, count in suspects.items() if self.drive.outcome(e) not in FLAT}
                if suspects and not self.drive.over(until_s):
                    self.drive.drive(self.drive.design.block(self.drive.block, suspects))

    def _to_confirm(self, left_s: float, tried: set[int], *, again: bool) -> dict[int, int]:
        """Requests of a confirming window for each endpoint that seems to leak; all blocks together fit `left_s`.

        Where that isn't enough for all, the surest get what tells a leak from a cache, then those after them.
        """
        found = self.drive.look().endpoints
        growing = sorted((e for e in range(self.drive.count) if _grows(found[e])), key=lambda e: _unsureness(found[e]))
        untold = [e for e in sorted(tried) if again and self.drive.outcome(e) == "inconclusive"]
        waiting = [e for e in growing if e not in tried] or untold
        share = self._allowed_bytes() / max(1, len(growing))
        allowed = {e: share / max(found[e].bytes_per_request, 1.0) for e in waiting}
        wanted = self._shared_out(left_s * self.drive.rate(), waiting)
        each = {e: min(wanted[e], allowed[e]) / CONFIRMING_BLOCKS for e in wanted}
        enough = any(requests >= SMALLEST_WINDOW_REQUESTS * CONFIRMING_BLOCKS for requests in wanted.values())
        return {e: max(1, round(requests)) for e, requests in each.items()} if enough else {}

    def _shared_out(self, requests: float, waiting: list[int]) -> dict[int, float]:
        """The requests there is time for, among as many as can be given what is lacking, or all."""
        asked, sent = self.scenario.load.confirm_requests, self.session.samples[-1].requests
        lacking = {e: min(asked, 1.0 + max(0.0, fewest_requests(asked) - sent[e])) for e in waiting}
        if requests >= sum(lacking.values()):
            return {e: min(asked, max(lacking[e], requests / len(waiting))) for e in waiting}
        surest = [e for e, total in zip(waiting, accumulate(lacking.values()), strict=True) if total <= requests]
        return {e: lacking[e] for e in surest} or {waiting[0]: requests}

    def _allowed_bytes(self) -> float:
        limit = self.memory_limit_bytes
        return min(CONFIRMING_BYTES, CONFIRMING_SHARE_OF_LIMIT * limit) if limit else CONFIRMING_BYTES

    def _mix(self) -> None:
        if self.drive.count > 1:
            weights = [endpoint.weight for endpoint in self.scenario.endpoints]
            self.session.drive(self.drive.design.mix(self.drive.block, weights, MIX_WINDOWS))

    def _level(self, until_s: float) -> None:
        """By resident memory: a few requests of all endpoints end each window, so that all have touched the same pages.

        A leak that goes on is confirmed first: it fills the free memory that may hide the others'.
        """
        self.drive.closing, self.drive.longest = CLOSING, LONGEST
        first = self.session.samples[0]
        prompt = self.session.exact or any(process.rss_bytes is not None for process in first.processes)
        if first.cgroup and not prompt:
            self.session.wait_s = KERNEL_LATE_S
            self.session.drive([self.drive.design.first_use({})])
        decider, every = Decider(self.drive, None), range(self.drive.count)
        decider.level(every, self.session.elapsed_s + LEVEL_SHARE * (until_s - self.session.elapsed_s), LEVEL_FIRST)
        self._confirm(until_s)
        decider.level(every, until_s, self.drive.most)

    def _soak(self, until_s: float) -> None:
        weights = [endpoint.weight for endpoint in self.scenario.endpoints]
        while not self.drive.over(until_s):
            self.drive.drive([self.drive.design.soak(self.drive.block, weights)])
            if self.drive.block in LOOKS:
                self.drive.look()


def _grows(found: EndpointVerdict) -> bool:
    return found.verdict == "leak" or (found.verdict == "inconclusive" and found.ci95[0] > 0)


def _unsureness(found: EndpointVerdict) -> tuple[bool, float]:
    """To sort by: first what leaks, the steadiest growth first."""
    return found.verdict != "leak", (found.ci95[1] - found.ci95[0]) / max(found.bytes_per_request, 1.0)
