"""What the runs of a campaign mean to the caller of the command."""

from __future__ import annotations

from collections.abc import Sequence

from harness import exit_codes
from harness.model.campaign import CampaignRun


def exit_code_of(runs: Sequence[CampaignRun]) -> int:
    """The worst of the runs' codes; one without an answer yet leaves the campaign inconclusive."""
    states = {run.state for run in runs}
    codes = [run.last.outcome.exit_code for run in runs if run.state == "measured" and run.last and run.last.outcome]
    codes += [exit_codes.COULD_NOT_MEASURE] * ("failed" in states)
    codes += [exit_codes.INCONCLUSIVE] * bool(states & {"waiting", "unfinished"})
    return exit_codes.worst(codes)
