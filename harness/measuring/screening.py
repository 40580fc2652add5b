"""Screening: one request at a time, every heap read before and after, until each endpoint is judged or time is over."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from harness.analysis.decide import Settings
from harness.analysis.screening import judge, retained_bytes
from harness.model.screen import ScreenHeader, ScreenRecording, ScreenRequest

SETTLE_PAUSE_S = 0.0005
SETTLE_LIMIT_S = 0.05
ROUNDS_PER_LOOK = 5
# Far from the numbers of the load, so that templates make other values than those which will be sent then.
FIRST_NUMBER = 1_000_000_000
# Connections tried in the search for one that reaches each worker, for every process that there is.
TRIES_PER_PROCESS = 3

Heaps = Mapping[int, int]


class Visitor(Protocol):
    """One keep-alive connection; `send` answers with the HTTP status, None where the connection broke.

    `reset` sends the endpoint's reset request, if it has one.
    """

    def send(self, endpoint: int, number: int) -> int | None: ...

    def reset(self, endpoint: int, number: int) -> None: ...

    def close(self) -> None: ...


class Sink(Protocol):
    def write(self, request: ScreenRequest) -> None: ...


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop asking about an endpoint that still can't be judged."""

    requests_each: int = 400
    duration_s: float = 15.0


@dataclass
class Screening:
    """`heaps()` reads every PHP heap by pid; `run_times(pids)` the CPU time each process has had, in nanoseconds.

    `roots()` counts the possible roots that wait for the cycle collectors, None where that isn't known.
    """

    header: ScreenHeader
    connect: Callable[[], Visitor]
    heaps: Callable[[], Heaps]
    run_times: Callable[[Sequence[int]], Mapping[int, int]]
    roots: Callable[[], int | None]
    sink: Sink
    settings: Settings
    budget: Budget
    observe: Callable[[ScreenRecording], None]
    stop_asked: Callable[[], bool]
    clock: Callable[[], float] = time.perf_counter
    _roots: int | None = None
    _requests: list[ScreenRequest] = field(default_factory=list)
    _sent: list[int] = field(default_factory=list)
    _began_s: float = 0.0
    _asked: int = 0
    _ran: int = 0

    @property
    def reached(self) -> bool:
        """Whether the target's processes ran when it was asked; True where that can't be seen from here.

        Some wake up now and then by themselves: who answers runs every time.
        """
        return 2 * self._ran >= self._asked or any(request.heaps for request in self._requests)

    @property
    def recording(self) -> ScreenRecording:
        return ScreenRecording(header=self.header, requests=tuple(self._requests))

    def perform(self, endpoints: Sequence[int]) -> ScreenRecording:
        """Screens the endpoints (indices of the header's) and gives what was recorded of them."""
        self._began_s = self.clock()
        self._sent = [0] * len(self.header.endpoints)
        draw = random.Random(self.header.seed)
        visitors = self._visitors(endpoints[0]) if endpoints else []
        self._roots = self.roots()
        try:
            active, rounds = list(endpoints), 0
            while active and not self._over(active):
                for endpoint in draw.sample(active, len(active)):
                    self._ask(draw.choice(visitors), endpoint)
                rounds += 1
                if rounds % ROUNDS_PER_LOOK == 0:
                    active = self._undecided(active)
        finally:
            for visitor in visitors:
                visitor.close()
        return self.recording

    def _over(self, active: Sequence[int]) -> bool:
        used = all(self._sent[endpoint] >= self.budget.requests_each for endpoint in active)
        return used or self.stop_asked() or self.clock() - self._began_s > self.budget.duration_s

    def _undecided(self, active: Sequence[int]) -> list[int]:
        recording = self.recording
        self.observe(recording)
        judged = retained_bytes(recording)
        return [
            endpoint
            for endpoint in active
            if judge(judged[endpoint], self.settings)[0] == "inconclusive"
            and self._sent[endpoint] < self.budget.requests_each
        ]

    def _visitors(self, endpoint: int) -> list[Visitor]:
        """Connections that reach as many different processes as can be found: who ran while it was asked tells.

        These requests aren't recorded: a new connection takes memory of its own, and a closed one gives it back.
        """
        pids = tuple(self.heaps())
        reached: set[int] = set()
        kept: list[Visitor] = []
        for attempt in range(max(1, TRIES_PER_PROCESS * len(pids))):
            visitor = self.connect()
            before = self.run_times(pids)
            visitor.send(endpoint, FIRST_NUMBER - 1 - attempt)
            self._settled()
            after = self.run_times(pids)
            ran = {pid for pid in pids if after.get(pid, 0) > before.get(pid, 0)}
            self._asked += bool(before)
            self._ran += bool(ran)
            if kept and ran <= reached:
                visitor.close()
                self._settled()
            else:
                kept.append(visitor)
                reached |= ran
            if reached >= set(pids) or self.stop_asked():
                break
        return kept

    def _ask(self, visitor: Visitor, endpoint: int) -> None:
        number = FIRST_NUMBER + self._sent[endpoint]
        before, roots_before = self.heaps(), self._roots
        status = visitor.send(endpoint, number)
        after, roots_after = self._settled(), self.roots()
        self._roots = roots_after
        self._sent[endpoint] += 1
        changed = {
            pid: (before.get(pid), after.get(pid))
            for pid in before.keys() | after.keys()
            if before.get(pid) != after.get(pid)
        }
        elapsed_s = round(self.clock() - self._began_s, 5)
        roots = None if roots_before is None or roots_after is None else roots_after - roots_before
        request = ScreenRequest(elapsed_s=elapsed_s, endpoint=endpoint, status=status, heaps=changed, roots=roots)
        self._requests.append(request)
        self.sink.write(request)
        visitor.reset(endpoint, number)

    def _settled(self) -> Heaps:
        """The heaps once two readings in a row agree."""
        deadline_s = self.clock() + SETTLE_LIMIT_S
        last = self.heaps()
        while self.clock() < deadline_s:
            time.sleep(SETTLE_PAUSE_S)
            now = self.heaps()
            if now == last:
                break
            last = now
        return last
