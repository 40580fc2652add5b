"""Makes the runs of a plan, one at a time on each engine, each in a process of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from harness.campaign.child import Child, wait_for_any
from harness.campaign.folder import CampaignFolder, run_of
from harness.campaign.leftovers import remove_leftovers
from harness.campaign.order import Order, new_run_id
from harness.campaign.plan import case_of
from harness.campaign.progress import Progress
from harness.errors import Interrupted
from harness.model.campaign import Campaign, CampaignCase, CampaignPlan, CampaignRun, Slot

_LOOK_EVERY_S: Final = 0.25
# A run that stops at once still removes its containers.
_STOP_WITHIN_S: Final = 60.0


@dataclass(frozen=True)
class CampaignWatcher:
    """Who looks on: `ended` is told of each run with how far all of them are; `remark` is for what else happens."""

    started: Callable[[Slot, str], None]
    ended: Callable[[CampaignRun, Progress], None]
    remark: Callable[[str], None]
    stop_asked: Callable[[], bool]


class Runner:
    """`program` makes one run from the order on its standard input."""

    def __init__(
        self,
        campaign: Campaign,
        plan: CampaignPlan,
        folder: CampaignFolder,
        program: Sequence[str],
        watcher: CampaignWatcher,
    ) -> None:
        self._campaign = campaign
        self._plan = plan
        self._folder = folder
        self._program = program
        self._watcher = watcher
        self._engines = campaign.engines or ("",)
        self._children: dict[str, Child] = {}
        self._told_to_stop = False
        runs = folder.runs(plan.own_slots, retries=plan.retries)
        self._queue = [run.slot for run in runs if run.state in ("waiting", "unfinished")]
        self._progress = Progress.of(runs, len(self._engines))

    def perform(self) -> None:
        """Until every run has an answer or has failed for good, or until the user stops it.

        Raises StorageError; Interrupted where the user stops it at once.
        """
        try:
            while self._fill() or self._children:
                for child in wait_for_any(self._children.values(), _LOOK_EVERY_S):
                    self._collect(child)
                if self._watcher.stop_asked() and not self._told_to_stop:
                    self._tell_to_stop()
        except KeyboardInterrupt as stop:
            for child in self._children.values():
                child.stop_at_once()
            self._told_to_stop = True
            raise Interrupted("stopped at once", hint="go on with --resume") from stop
        finally:
            self._end_all()

    def _fill(self) -> bool:
        """Starts a run on every idle engine that one is left for; whether any is left to be started later."""
        if self._watcher.stop_asked():
            return False
        for engine in self._engines:
            if engine not in self._children and (slot := self._next_for(engine)):
                self._start(slot, engine)
        return bool(self._queue)

    def _next_for(self, engine: str) -> Slot | None:
        """Local processes run beside the first engine alone: two runs on one machine disturb each other."""
        for slot in self._queue:
            if engine == self._engines[0] or self._case(slot).scenario.target.kind != "command":
                self._queue.remove(slot)
                return slot
        return None

    def _start(self, slot: Slot, engine: str) -> None:
        case = self._case(slot)
        attempt = self._folder.claim(slot)
        order = Order(
            scenario=case.scenario.model_copy(update={"seed": slot.seed}),
            folder=attempt.folder,
            run_id=new_run_id(case.scenario.name),
            engine=engine,
            parent_pid=os.getpid(),
        )
        self._watcher.started(slot, engine)
        self._children[engine] = Child(self._program, order, slot, case.variables)

    def _case(self, slot: Slot) -> CampaignCase:
        return case_of(self._campaign, slot)

    def _collect(self, child: Child) -> None:
        """A failed run goes to the end of the queue, where what disturbed it may be over."""
        child.collect()
        del self._children[child.engine]
        if child.cut_off:
            remove_leftovers([child.run_id], [child.engine], self._watcher.remark)
        run = run_of(child.slot, self._folder.attempts_of(child.slot), self._plan.retries)
        if run.state == "waiting":
            self._queue.append(run.slot)
        self._progress = self._progress.after(run)
        self._watcher.ended(run, self._progress)

    def _tell_to_stop(self) -> None:
        self._told_to_stop = True
        for child in self._children.values():
            child.ask_to_stop()

    def _end_all(self) -> None:
        """What still runs has been asked to stop at once, or is in the way of an error that ends the campaign."""
        if self._children and not self._told_to_stop:
            self._tell_to_stop()
        deadline_s = time.monotonic() + _STOP_WITHIN_S
        while self._children and time.monotonic() < deadline_s:
            for child in wait_for_any(self._children.values(), _LOOK_EVERY_S):
                self._collect(child)
        for child in list(self._children.values()):
            child.kill()
            self._collect(child)
