"""A campaign while it goes on: what people see of it, Ctrl-C, and what is kept at its end."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from harness import exit_codes
from harness.campaign.ending import exit_code_of
from harness.campaign.folder import CampaignFolder
from harness.campaign.leftovers import cut_off_run_ids, remove_leftovers
from harness.campaign.progress import Progress
from harness.campaign.result import result_of
from harness.campaign.runner import CampaignWatcher, Runner
from harness.cli.interrupts import Interrupts
from harness.cli.output import Output
from harness.cli.telling import link_of, tell
from harness.errors import Interrupted
from harness.model.campaign import Campaign, CampaignPlan, CampaignRun, Slot
from harness.report.campaign import (
    campaign_document,
    render_campaign,
    render_campaign_json,
    render_campaign_markdown,
    render_campaign_notice,
)
from harness.report.campaign_wording import run_line
from harness.report.writing import write_report
from harness.units import format_duration

if TYPE_CHECKING:
    from harness.notify.addresses import Address

PROGRAM: Final = (sys.executable, "-m", "harness.cli.one_run")


def make_runs(
    read: Campaign, plan: CampaignPlan, folder: CampaignFolder, output: Output, addresses: Sequence[Address]
) -> int:
    """Makes the runs that are left, reports on all of them, tells people, and gives the exit code."""
    before = folder.runs(plan.own_slots, retries=plan.retries)
    remove_leftovers(cut_off_run_ids(before), read.engines or ("",), output.say)
    interrupted = _run(read, plan, folder, output)
    result = result_of(plan, folder)
    code = exit_codes.INTERRUPTED if interrupted else exit_code_of(result.runs)
    write_report(folder.path / "report.md", render_campaign_markdown(result))
    write_report(folder.path / "report.json", render_campaign_json(result, code))
    output.answer(render_campaign(result))
    if result.in_state("waiting") or result.in_state("unfinished"):
        output.answer("Go on with --resume")
    output.answer(f"Kept in {folder.path}")
    if not interrupted:
        tell(render_campaign_notice(result, str(folder.path), link=link_of(os.environ)), addresses, output)
    output.document(campaign_document(result, code))
    return code


def _run(read: Campaign, plan: CampaignPlan, folder: CampaignFolder, output: Output) -> bool:
    """Whether the user stopped it."""
    with Interrupts() as interrupts:
        watcher = CampaignWatcher(
            started=lambda slot, engine: output.say(_started(slot, engine)),
            ended=lambda run, progress: output.say(_ended(run, progress)),
            remark=output.say,
            stop_asked=interrupts.asked,
        )
        try:
            Runner(read, plan, folder, PROGRAM, watcher).perform()
        except Interrupted as stop:
            output.say(f"hyperleak: {stop}")
        return interrupts.asked()


def _started(slot: Slot, engine: str) -> str:
    return f"{slot.scenario}, {slot.variant}, #{slot.repetition}: begins{f' on {engine}' if engine else ''}"


def _ended(run: CampaignRun, progress: Progress) -> str:
    left = progress.left_s
    ahead = f", about {format_duration(left)} left" if left else ""
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"[{progress.done}/{progress.planned}{failed}{ahead}] {run_line(run)}"
