from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click

from harness import exit_codes
from harness.cli.options import Size, results_option
from harness.cli.output import Output, one_or_list, output_options
from harness.errors import InputError
from harness.model.history import ScenarioHistory
from harness.nightly.trends import SMALLEST_CHANGE_BYTES, read_history
from harness.report.history import render_histories, render_nights
from harness.report.history_exports import history_document, left_out, render_bencher, render_otava
from harness.report.writing import write_report, write_stdout

_EXPORTS: dict[str, Callable[[ScenarioHistory], str]] = {"otava": render_otava, "bencher": render_bencher}
_NIGHTS = 30

_scenario_option = click.option(
    "--scenario", "-s", "scenarios", multiple=True, metavar="NAME", help="Only this one; may be repeated."
)
_threshold_option = click.option(
    "--threshold",
    type=Size(),
    default=SMALLEST_CHANGE_BYTES,
    metavar="SIZE",
    help=f"Smallest change of an endpoint's bytes a request that is named (default {SMALLEST_CHANGE_BYTES:.0f}B).",
)


@click.group(invoke_without_command=True)
@_scenario_option
@click.option(
    "--endpoint", "-e", "pattern", metavar="PATTERN", help="Every night of the endpoints that fit, as '*cart*'."
)
@click.option(
    "--last", type=click.IntRange(1), default=_NIGHTS, show_default=True, help="Nights to list with --endpoint."
)
@_threshold_option
@results_option
@output_options
@click.pass_context
def history(
    ctx: click.Context,
    scenarios: tuple[str, ...],
    pattern: str | None,
    last: int,
    threshold: float,
    results: Path,
    output: Output,
) -> int:
    """What the results folder knows: each endpoint's trend over the runs, and the nights on which it changed."""
    if ctx.invoked_subcommand is not None:
        return exit_codes.CLEAN
    histories = read_history(results, scenarios, smallest_bytes=threshold)
    if pattern is None:
        output.answer(render_histories(histories))
    else:
        _tell_nights(histories, pattern, last, output)
    if output.json_asked:
        output.document(one_or_list([history_document(found) for found in histories], len(histories)))
    return exit_codes.CLEAN


@history.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@_scenario_option
@_threshold_option
@results_option
@output_options
def publish(folder: Path, scenarios: tuple[str, ...], threshold: float, results: Path, output: Output) -> int:
    """Write the history as a static site into DIR: an index, a page for each endpoint and each run."""
    from harness.report.site.pages import render_site  # Bokeh takes a second to import

    histories = read_history(results, scenarios, smallest_bytes=threshold)
    written = 0
    for page in render_site(histories, threshold):
        write_report(folder / page.path, page.text)
        written += 1
    output.answer(f"Written: {folder / 'index.html'} and {written - 1:,} more files")
    output.document({"index": str(folder / "index.html"), "files": written, "damaged": _damaged(histories)})
    return exit_codes.CLEAN


@history.command()
@click.option(
    "--format", "-f", "form", type=click.Choice(sorted(_EXPORTS)), required=True, help="The program it is for."
)
@click.option("--output", "-o", "file", type=click.Path(path_type=Path, dir_okay=False), help="A file, not stdout.")
@_scenario_option
@results_option
@output_options
def export(form: str, file: Path | None, scenarios: tuple[str, ...], results: Path, output: Output) -> int:
    """Write one scenario's history for Apache Otava (CSV of all runs) or Bencher (JSON of the newest run)."""
    if file is None and output.json_asked:
        raise InputError("--json and an export are two documents for one stdout", hint="write the export with -o FILE")
    histories = read_history(results, scenarios)
    if len(histories) != 1:
        names = ", ".join(found.scenario for found in histories)
        raise InputError(f"{results} has several scenarios: {names}", hint="choose one with --scenario NAME")
    text = _EXPORTS[form](histories[0])
    if form == "otava" and (missing := left_out(histories[0])):
        click.echo(f"hyperleak: {missing:,} runs lack an endpoint of the newest run and are left out", err=True)
    if file is None:
        write_stdout(text)
    else:
        write_report(file, text)
        output.answer(f"Written: {file}")
        output.document({"file": str(file), "damaged": _damaged(histories)})
    return exit_codes.CLEAN


def _tell_nights(histories: tuple[ScenarioHistory, ...], pattern: str, last: int, output: Output) -> None:
    fitting = [(found, trend) for found in histories for trend in found.trends if fnmatchcase(trend.name, pattern)]
    if not fitting:
        raise InputError(f"--endpoint {pattern}: no endpoint fits", hint="`hyperleak history` lists them")
    for found, trend in fitting:
        output.answer(render_nights(found, trend, last))


def _damaged(histories: tuple[ScenarioHistory, ...]) -> list[dict[str, Any]]:
    return [
        {"scenario": found.scenario, **damaged.model_dump(mode="json")}
        for found in histories
        for damaged in found.damaged
    ]
