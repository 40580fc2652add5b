from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from harness import exit_codes
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
        done = "could not remove" if leftover.problem else "removed" if leftover.removed else "would remove"
        reason = f": {leftover.problem}" if leftover.problem else ""
        output.answer(f"{done} {leftover.kind} {leftover.name} of run {leftover.run_id}{reason}")
    if not found:
        output.say("nothing was left behind")
    output.document([asdict(leftover) for leftover in found])
    return exit_codes.COULD_NOT_MEASURE if any(leftover.problem for leftover in found) else exit_codes.CLEAN
