"""How far a measurement is: a frozen value that each phase, sample and look replaces by the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from harness.analysis.merge import with_screening
from harness.cli.live.curve import NO_CURVE, Curve
from harness.model.samples import Sample, WindowKind
from harness.model.verdict import EndpointVerdict, Verdict

MOST_EVENTS: Final = 50


@dataclass(frozen=True, slots=True)
class Memory:
    """What grows: `heaps` over all PHP processes, `resident` of the container or else of the processes, in bytes."""

    heaps: Curve = NO_CURVE
    resident: Curve = NO_CURVE
    resident_name: str = "container"


NO_MEMORY: Final = Memory()


@dataclass(frozen=True, slots=True)
class Progress:
    """`phase_began_s` and `budget_began_s` are of the clock that `now_s` arguments come from.

    `budget_s` None: the phase has none. `rate` is requests/s in the last window of load, `requests` counts those of
    the screening, too, `sent` those of the load by endpoint. `is_settled` False: what was found is
    the screening's, and the load has the last word. `screened` is what the screening said, kept for when the
    load has its first answer.
    """

    title: str
    waiting: tuple[str, ...]
    began_s: float
    phase: str = ""
    phase_began_s: float = 0.0
    budget_s: float | None = None
    budget_began_s: float = 0.0
    block: int = 0
    kind: WindowKind | None = None
    requests: int = 0
    failures: int = 0
    rate: float = 0.0
    memory: Memory = NO_MEMORY
    found: tuple[EndpointVerdict, ...] = ()
    is_settled: bool = True
    screened: Verdict | None = None
    screen_requests: int = 0
    sent: tuple[int, ...] = ()
    events: tuple[str, ...] = ()

    @property
    def is_under_load(self) -> bool:
        return self.kind is not None

    def with_phase(self, name: str, now_s: float, budget_s: float | None = None) -> Progress:
        return replace(self, phase=name, phase_began_s=now_s, budget_s=budget_s, budget_began_s=now_s)

    def with_sample(self, sample: Sample, now_s: float, load_budget_s: float) -> Progress:
        """The budget of the load begins to run when the warm-up is over."""
        mark, requests = sample.window, sum(sample.requests)
        loaded = mark is not None and mark.load_s > 0
        runs = self.budget_s is not None or mark is None or mark.kind == "warmup"
        told = tuple(f"{event.kind.replace('_', ' ')} {event.detail}".rstrip() for event in sample.events)
        return replace(
            self,
            block=mark.block if mark else self.block,
            kind=mark.kind if mark else self.kind,
            requests=self.screen_requests + requests,
            failures=sum(sample.failures),
            rate=(requests - sum(self.sent)) / mark.load_s if mark and loaded else self.rate,
            sent=sample.requests,
            memory=_with_readings(self.memory, sample),
            budget_s=self.budget_s if runs else load_budget_s,
            budget_began_s=self.budget_began_s if runs else now_s - (mark.load_s if mark else 0.0),
            events=(*self.events, *told)[-MOST_EVENTS:],
        )

    def with_look(self, verdict: Verdict, *, load_follows: bool) -> Progress:
        """Before there is load it is the screening's verdict that comes."""
        if not self.is_under_load:
            asked = sum(endpoint.requests for endpoint in verdict.endpoints)
            return replace(
                self,
                screened=verdict,
                found=verdict.endpoints,
                is_settled=not load_follows,
                screen_requests=asked,
                requests=asked,
            )
        merged = with_screening(verdict, self.screened) if self.screened else verdict
        return replace(self, found=merged.endpoints, is_settled=True)

    def with_heaps(self, heaps_bytes: float) -> Progress:
        """The heaps read between samples."""
        return replace(self, memory=replace(self.memory, heaps=self.memory.heaps.with_value(heaps_bytes)))


def _with_readings(memory: Memory, sample: Sample) -> Memory:
    heaps = [process.php.heap_bytes for process in sample.processes if process.php]
    memory = replace(memory, heaps=memory.heaps.with_value(sum(heaps))) if heaps else memory
    if sample.cgroup:
        return replace(memory, resident=memory.resident.with_value(sample.cgroup.anon_bytes))
    resident = [p.private_dirty_bytes or p.rss_bytes for p in sample.processes if p.private_dirty_bytes or p.rss_bytes]
    if not resident:
        return memory
    total = sum(size for size in resident if size)
    return replace(memory, resident=memory.resident.with_value(total), resident_name="processes")
