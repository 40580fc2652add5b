from __future__ import annotations

import os
from pathlib import Path

import click

from harness import exit_codes
from harness.cli.completing import run_folders
from harness.cli.output import Output, output_options
from harness.cli.telling import collector
from harness.dossier import read_verdict
from harness.errors import InputError
from harness.exporting import telemetry_of


@click.command()
@click.argument(
    "runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...", shell_complete=run_folders
)
@click.option(
    "--otlp",
    "url",
    metavar="URL",
    help="Collector's gRPC address, as http://collector:4317; else OTEL_EXPORTER_OTLP_ENDPOINT.",
)
@output_options
def export(runs: tuple[Path, ...], url: str | None, output: Output) -> int:
    """Send the metrics of RUNs (run folders or their record.json) by OTLP: verdicts, and the memory over time.

    Exits with 0 where they were taken, whatever the verdict is, else with 4.
    """
    to = collector(url, os.environ)
    if to is None:
        raise InputError("nowhere to export to", hint="give --otlp URL, or set OTEL_EXPORTER_OTLP_ENDPOINT")
    told = [telemetry_of(run, read_verdict(run)) for run in runs]
    for each in told:
        if each.curves and not each.span.exact:
            output.say(f"{each.verdict.run_id}: its samples were copied, so the times are of the run's start at best")
    problem = to.send(told)
    if problem:
        output.answer(f"not exported to {to.url}: {problem}")
    else:
        output.say(f"exported to {to.url}")
    ids = [each.verdict.run_id for each in told]
    output.document({"run_ids": ids, "to": to.url, "sent": not problem, "problem": problem})
    return exit_codes.COULD_NOT_MEASURE if problem else exit_codes.CLEAN
