from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import results_option
from harness.cli.output import Output, output_options
from harness.target import collect_garbage


@click.command()
@results_option
@click.option("--dry-run", is_flag=True, help="Say what would be removed.")
@output_options
def gc(results: Path, dry_run: bool, output: Output) -> int:
    """Remove what interrupted runs left behind: containers, networks, processes, folders without samples."""
    found = collect_garbage(results, dry_run=dry_run)
    for leftover in found:
        output.answer(f"{'would remove' if dry_run else 'removed'} {leftover}")
    if not found:
        output.say("nothing was left behind")
    output.document([str(leftover) for leftover in found])
    return 0
