from __future__ import annotations

from pathlib import Path

import click

from harness.campaign.ending import exit_code_of
from harness.campaign.folder import CampaignFolder
from harness.campaign.result import merged
from harness.cli.output import Output, output_options
from harness.report.campaign import (
    campaign_document,
    render_campaign,
    render_campaign_json,
    render_campaign_markdown,
    render_runs,
)
from harness.report.writing import write_report, write_stdout


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR...")
@click.option("--format", "-f", "name", type=click.Choice(["markdown", "json"]), help="Write this to stdout.")
@click.option("--runs", "every_run", is_flag=True, help="List every run instead of the cases.")
@click.option(
    "--output",
    "-o",
    "into",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write report.md and report.json into DIR.",
)
@output_options
def merge(folders: tuple[Path, ...], name: str | None, every_run: bool, into: Path | None, output: Output) -> int:
    """Put the folders (DIR) of a campaign's shards together: one report, one exit code. One folder alone is read again.

    Nothing is copied or changed. A run that no shard has made leaves the campaign inconclusive.
    """
    result = merged([CampaignFolder(folder) for folder in folders])
    code = exit_code_of(result.runs)
    texts = {"markdown": render_campaign_markdown(result), "json": render_campaign_json(result, code)}
    if into is not None:
        write_report(into / "report.md", texts["markdown"])
        write_report(into / "report.json", texts["json"])
        output.answer(f"Written: {into / 'report.md'}, {into / 'report.json'}")
    if name is not None:
        write_stdout(texts[name])
        return code
    output.answer(render_runs(result.runs) if every_run else render_campaign(result))
    output.document(campaign_document(result, code))
    return code
