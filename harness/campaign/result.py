"""What a campaign came to, from its folder or from those of its shards."""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.reproduction import reproductions
from harness.campaign.folder import CampaignFolder, is_measured, run_of
from harness.campaign.plan import same_plan
from harness.errors import InputError
from harness.model.campaign import Attempt, CampaignPlan, CampaignResult, CampaignRun, Slot


def result_of(plan: CampaignPlan, folder: CampaignFolder) -> CampaignResult:
    """Of the slots of this plan's own shard. Raises InputError for a record that can't be read."""
    runs = folder.runs(plan.own_slots, retries=plan.retries)
    strangers = len(folder.attempts().keys() - {slot.id for slot in plan.slots})
    remarks = [f"{strangers} runs of an earlier version of the file are kept, but don't count"] if strangers else []
    return _result(plan, runs, remarks)


def merged(folders: Sequence[CampaignFolder]) -> CampaignResult:
    """Of all shards together; a run that several of them made counts once, from the first. Raises InputError."""
    plans = [folder.plan() for folder in folders]
    if not same_plan(plans):
        raise InputError(
            f"{', '.join(str(folder.path) for folder in folders)}: these are not shards of one campaign",
            hint="merge folders that come from the same campaign file, with the same scenarios and seed",
        )
    attempts = [folder.attempts() for folder in folders]
    retries = max(plan.retries for plan in plans)
    runs = [_united(slot, [each.get(slot.id, []) for each in attempts], retries) for slot in plans[0].slots]
    twice = sum(1 for slot in plans[0].slots if sum(_has_answer(each.get(slot.id, [])) for each in attempts) > 1)
    return _result(plans[0], runs, [f"{twice} runs were made in more than one folder; the first counts"] * bool(twice))


def _united(slot: Slot, attempts: Sequence[list[Attempt]], retries: int) -> CampaignRun:
    answered = next((each for each in attempts if _has_answer(each)), None)
    return run_of(slot, answered or [attempt for each in attempts for attempt in each], retries)


def _has_answer(attempts: Sequence[Attempt]) -> bool:
    return any(attempt.outcome and is_measured(attempt.outcome) for attempt in attempts)


def _result(plan: CampaignPlan, runs: Sequence[CampaignRun], remarks: Sequence[str]) -> CampaignResult:
    return CampaignResult(
        name=plan.name,
        seed=plan.seed,
        runs=tuple(runs),
        cases=reproductions(runs),
        remarks=(*remarks, *_remarks(runs)),
    )


def _remarks(runs: Sequence[CampaignRun]) -> list[str]:
    repeated = [run for run in runs if run.state == "measured" and len(run.attempts) > 1]
    if not repeated:
        return []
    cut_off = sum(attempt.outcome is None for run in repeated for attempt in run.attempts)
    failed = sum(len(run.attempts) - 1 for run in repeated) - cut_off
    return [f"{len(repeated)} runs took more than one attempt: {failed} failed or were stopped, {cut_off} were cut off"]
