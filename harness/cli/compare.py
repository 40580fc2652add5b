from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from harness.cli.completing import run_folders
from harness.cli.options import judging_options, results_option
from harness.cli.output import Output, output_options
from harness.errors import InputError
from harness.nightly.comparing import code_of, compare_sides
from harness.nightly.known import load_known
from harness.nightly.likeness import FIELD_NAMES
from harness.nightly.runs import LATEST_GOOD, KeptRun, latest_good, read_side
from harness.report.comparison import render_comparison
from harness.report.comparison_markdown import render_comparison_markdown
from harness.report.writing import write_stdout


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="[BASELINE] CANDIDATE...", shell_complete=run_folders)
@click.option(
    "--baseline",
    "-b",
    "baselines",
    multiple=True,
    metavar="RUN",
    help=f"A run or a set of runs to compare with; may be repeated. {LATEST_GOOD}: the newest good one in --results.",
)
@judging_options
@click.option(
    "--allow-unlike",
    "allowed",
    multiple=True,
    metavar="FIELD",
    help=f"Compare although this differs: {', '.join(FIELD_NAMES)}. May be repeated.",
)
@click.option("--known", type=click.Path(path_type=Path), help="File of known leaks, which don't fail.")
@click.option("--format", "-f", "form", type=click.Choice(["text", "markdown"]), default="text", show_default=True)
@results_option
@output_options
def compare(
    runs: tuple[str, ...],
    baselines: tuple[str, ...],
    threshold: float | None,
    confidence: float | None,
    allowed: tuple[str, ...],
    known: Path | None,
    form: str,
    results: Path,
    output: Output,
) -> int:
    """Compare two runs, or two sets of runs: regression, same, improvement, or not comparable.

    A run is its folder or record.json; a set is a folder of runs, a pattern in quotes, or several of these. With
    --baseline all arguments are the candidate's, otherwise the first is the baseline.

    The threshold is the smallest change that is called one: half of the scenario's threshold, unless given.
    Exit codes: 0 same or better, 1 regression, 3 could not tell or not comparable.
    """
    if form == "markdown" and output.json_asked:
        raise InputError("--json and --format markdown are two documents for one stdout", hint="leave one of them out")
    before, after = _sides(runs, baselines, results)
    comparison = compare_sides(
        before,
        after,
        threshold_bytes=threshold,
        confidence=confidence,
        allowed=allowed,
        known=load_known(known, datetime.now(UTC).date()) if known else None,
    )
    if form == "markdown":
        write_stdout(render_comparison_markdown(comparison))
    else:
        output.answer(render_comparison(comparison))
    output.document(comparison.model_dump(mode="json"))
    return code_of(comparison)


def _sides(
    runs: tuple[str, ...], baselines: tuple[str, ...], results: Path
) -> tuple[tuple[KeptRun, ...], tuple[KeptRun, ...]]:
    if not baselines and len(runs) < 2:
        raise InputError("one side alone can't be compared", hint=f"give two runs, or --baseline {LATEST_GOOD} RUN")
    before, after = (baselines, runs) if baselines else (runs[:1], runs[1:])
    candidate = read_side(after)
    if before == (LATEST_GOOD,):
        return (latest_good(results, candidate),), candidate
    return read_side(before), candidate
