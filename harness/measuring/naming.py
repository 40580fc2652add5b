"""Who holds it: two censuses of the worker that grows, around a burst of requests to one guilty endpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import SampleError
from harness.load.catalogue import Catalogue
from harness.load.poker import with_poke
from harness.load.single import SingleVisitor
from harness.model.census import Census, Growth
from harness.model.load import LoadSpec
from harness.model.verdict import Naming
from harness.sample.census import cause_of_holders, growths_between
from harness.sample.declarations import sources_of_process
from harness.sample.descriptors import kept_between, open_descriptors
from harness.sample.probe import Probe
from harness.sample.sampler import Sampler

# First uses load classes and fill caches: they come before the trial that shows who keeps something.
FIRST_REQUESTS = 10
TRIAL_REQUESTS = 20
MOST_REQUESTS = 200
FEWEST_REQUESTS = 10
BURST_BYTES = 20 * 1024**2
# Far from the numbers of the load, so that templates make other values than those which were sent already.
FIRST_NUMBER = 2_000_000_000
# Descriptors that every second request or more leaves open are kept by the endpoint.
KEPT_SHARE = 0.5


@dataclass(frozen=True)
class Named:
    """What grew in the process that keeps the most; `resources`: kinds of open files and sockets that became more."""

    growths: tuple[Growth, ...] = ()
    resources: tuple[str, ...] = ()
    problem: str = ""

    @property
    def naming(self) -> Naming:
        """The same for the record."""
        kept = f"each request leaves open: {', '.join(self.resources)}" if self.resources else ""
        return Naming(
            holders=tuple(growth.holder for growth in self.growths),
            cause=cause_of_holders(self.growths),
            remark="; ".join(part for part in (kept, self.problem) if part),
        )


class Namer:
    """Names the holders of one endpoint after another, over a connection of its own."""

    def __init__(self, spec: LoadSpec, poke_path: str, sampler: Sampler, probe: Probe) -> None:
        self._spec = with_poke(spec, poke_path)
        self._catalogue = Catalogue(self._spec)
        self._sampler = sampler
        self._probe = probe
        self._number = FIRST_NUMBER

    def name(self, endpoint: int, bytes_per_request: float) -> Named:
        """Censuses around a burst that grows the heap by at most `BURST_BYTES`."""
        requests = int(min(MOST_REQUESTS, max(FEWEST_REQUESTS, BURST_BYTES / max(1.0, bytes_per_request))))
        with SingleVisitor(self._spec, self._catalogue, 0) as visitor:

            def send() -> None:
                visitor.send(endpoint, self._number)
                self._number += 1

            def poke() -> None:
                visitor.send(len(self._spec.endpoints) - 1, 0)

            keeper = self._keeper(send)
            if keeper is None:
                return Named(problem="one request at a time keeps nothing that a census could see")
            return self._around(keeper, requests, send, poke)

    def _keeper(self, send: Callable[[], None]) -> int | None:
        """The process that keeps the most; None where none keeps anything."""
        for _ in range(FIRST_REQUESTS):
            send()
        self._sampler.settle(0.2)
        before = self._sampler.heap_bytes()
        for _ in range(TRIAL_REQUESTS):
            send()
        self._sampler.settle(0.2)
        after = self._sampler.heap_bytes()
        gains = {pid: after[pid] - before[pid] for pid in before.keys() & after.keys()}
        most = max(gains, key=lambda pid: gains[pid], default=None)
        return most if most is not None and gains[most] > 0 else None

    def _around(self, pid: int, requests: int, send: Callable[[], None], poke: Callable[[], None]) -> Named:
        wake = poke if self._answers(pid, poke) else send
        try:
            before, opened = self._probe.census(pid, wake), open_descriptors(pid)
            for _ in range(requests):
                send()
            self._sampler.settle(0.5)
            after = self._probe.census(pid, wake)
        except SampleError as error:
            return Named(problem=error.message)
        growths = growths_between(before, after, requests, read_source=sources_of_process(pid))
        kept = kept_between(opened, open_descriptors(pid))
        per_request = tuple(name for name, count in kept.items() if count >= KEPT_SHARE * requests)
        return Named(growths, per_request, _stopped(before, after))

    def _answers(self, pid: int, poke: Callable[[], None]) -> bool:
        """Whether a harmless request wakes it; a task worker runs only for what the endpoint itself sends it."""
        return pid in self._probe.settle([pid], poke, 0.1)


def _stopped(before: Census, after: Census) -> str:
    if before.complete and after.complete:
        return ""
    return "the census was stopped before its end: the worker holds more than can be walked in 100 ms"
