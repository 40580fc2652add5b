from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from harness import exit_codes
from harness.campaign.ending import exit_code_of
from harness.campaign.folder import CampaignFolder
from harness.campaign.plan import parse_shard, plan_of
from harness.cli.completing import scenario_files
from harness.cli.options import results_option
from harness.cli.output import Output, output_options
from harness.cli.telling import addresses_of, notify_option
from harness.errors import InputError
from harness.model.campaign import Campaign, CampaignPlan, Shard
from harness.report.campaign import render_runs, runs_document
from harness.scenario.campaign_file import load_campaign

FOLDER: Final = "campaigns"


@click.command()
@click.argument("file", type=click.Path(path_type=Path), shell_complete=scenario_files)
@click.option("--resume", is_flag=True, help="Go on with a campaign that was stopped.")
@click.option("--list", "only_list", is_flag=True, help="List the runs and what became of each; start nothing.")
@click.option("--shard", default="1/1", show_default=True, metavar="I/N", help="Make this part of the runs alone.")
@click.option(
    "--engine",
    "engines",
    multiple=True,
    metavar="DOCKER_HOST",
    help="Make runs on this engine, instead of the file's; repeated: in parallel, one at a time on each.",
)
@notify_option
@results_option
@output_options
def campaign(
    file: Path,
    resume: bool,
    only_list: bool,
    shard: str,
    engines: tuple[str, ...],
    urls: tuple[str, ...],
    results: Path,
    output: Output,
) -> int:
    """Make all the runs of FILE (scenarios × repetitions × variants), and say how often each leak came back.

    Each run is kept as it ends, so a campaign that is stopped or killed goes on with --resume. The folders of shards
    are put together by `hyperleak merge`.
    """
    read = _with_engines(load_campaign(file, os.environ), engines)
    plan = plan_of(read, parse_shard(shard))
    folder = CampaignFolder(results / FOLDER / f"{plan.name}{_shard_name(plan.shard)}")
    if only_list:
        return _list(plan, folder, output)
    addresses = addresses_of(urls, os.environ)
    with folder.locked():
        _check_begun(folder, resume)
        from harness.cli.campaigning import make_runs  # takes long to import, and a list doesn't need it

        folder.write_plan(plan)
        return make_runs(read, plan, folder, output, addresses)


def _with_engines(read: Campaign, engines: Sequence[str]) -> Campaign:
    return read.model_copy(update={"engines": tuple(dict.fromkeys(engines))}) if engines else read


def _shard_name(shard: Shard) -> str:
    return f"-{shard.index}-of-{shard.count}" if shard.count > 1 else ""


def _check_begun(folder: CampaignFolder, resume: bool) -> None:
    begun = len(folder.attempts())
    if begun and not resume:
        raise InputError(
            f"{folder.path}: {begun} runs of this campaign are here already",
            hint="go on with --resume, or keep the new one elsewhere with --results",
        )


def _list(plan: CampaignPlan, folder: CampaignFolder, output: Output) -> int:
    """The document has the code that the campaign would end with now; to have listed is no failure."""
    runs = folder.runs(plan.own_slots, retries=plan.retries)
    code = exit_code_of(runs)
    output.answer(render_runs(runs))
    output.document(runs_document(plan.name, plan.seed, runs, code))
    return exit_codes.CLEAN
