"""The sampler together with the probe: before each sample the workers collect their garbage and tell what they hold."""

from __future__ import annotations

from harness.load.poker import Poker
from harness.model.census import SettleAnswer
from harness.model.samples import PhpReading, ProcessReading
from harness.sample.probe import Probe
from harness.sample.sampler import Reading, Sampler

SETTLE_TIMEOUT_S = 0.25


class ProbedMemory:
    """A memory source for a session. `answered` says whether any worker ever did; `reasons` why others didn't."""

    def __init__(self, sampler: Sampler, probe: Probe, poker: Poker) -> None:
        self._sampler = sampler
        self._probe = probe
        self._poker = poker
        self._heaps: dict[int, int] = {}
        self._answers: dict[int, SettleAnswer] = {}
        self.answered = False
        self.reasons: dict[int, str] = {}

    def settle(self, timeout_s: float) -> bool:
        """Waits until the target stands still, has it collect cycles, and waits again.

        Whose heap has changed has run PHP, and was not reached if it stays silent: other connections may reach it.
        """
        self._sampler.settle(timeout_s)
        heaps = self._sampler.heap_bytes()
        ran = {pid for pid, heap in heaps.items() if self._heaps.get(pid, heap) != heap}
        self._answers = self._probe.settle(heaps, self._poker, SETTLE_TIMEOUT_S, ran=ran)
        if self._probe.missed:
            self._poker.spread()
        self.answered = self.answered or bool(self._answers)
        self.reasons = dict(self._probe.silent)
        settled = self._sampler.settle(timeout_s)
        self._heaps = self._sampler.heap_bytes()
        return settled

    def read(self, *, exact: bool = False) -> Reading:
        reading = self._sampler.read(exact=exact)
        processes = tuple(self._completed(process) for process in reading.processes)
        return reading._replace(processes=processes)

    def _completed(self, process: ProcessReading) -> ProcessReading:
        """The heap as read from outside, now; what can't be read from there as the worker told it just before."""
        answer = self._answers.get(process.pid)
        if answer is None or process.php is None:
            return process
        told = answer.reading()
        outside = {name: value for name, value in process.php if value is not None}
        return process.model_copy(update={"php": PhpReading.model_validate({**told.model_dump(), **outside})})
