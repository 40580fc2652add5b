"""Makes one run of a campaign, in the process that is its own."""

from __future__ import annotations

import time

from harness import exit_codes
from harness.campaign.folder import OUTCOME, write_whole
from harness.campaign.order import Order
from harness.errors import HyperleakError
from harness.history import RunFolder
from harness.model.campaign import Outcome
from harness.run import RunResult, Watcher, run_in_folder


def perform(order: Order, watcher: Watcher) -> Outcome:
    """Makes the run and writes how it ended, after everything else. Raises StorageError where that can't be written."""
    began_s = time.monotonic()
    try:
        result = run_in_folder(RunFolder(order.folder, order.run_id), order.scenario, watcher)
        ended = _outcome(result)
    except HyperleakError as error:
        ended = Outcome(exit_code=error.exit_code, error=error.message, hint=error.hint)
    outcome = ended.model_copy(update={"engine": order.engine, "took_s": round(time.monotonic() - began_s, 3)})
    write_whole(order.folder / OUTCOME, outcome)
    return outcome


def _outcome(result: RunResult) -> Outcome:
    if result.interrupted:
        return Outcome(exit_code=exit_codes.INTERRUPTED, error="stopped early; what was measured until then is kept")
    code = exit_codes.of_verdict(result.verdict, result.scenario.expect, result.ended)
    if code != exit_codes.COULD_NOT_MEASURE or result.ended is None:
        return Outcome(exit_code=code)
    return Outcome(exit_code=code, error=f"the target died: {result.ended.detail}\n{result.log_tail}".strip())
