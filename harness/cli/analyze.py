from __future__ import annotations

from pathlib import Path

import click

from harness import exit_codes
from harness.cli.completing import run_folders
from harness.cli.options import estimator_option, judging_options
from harness.cli.output import Output, one_or_list, output_options
from harness.model.scenario import Estimator
from harness.reanalysis import analyse_path
from harness.report.terminal import render_verdict


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), shell_complete=run_folders)
@judging_options
@estimator_option
@output_options
def analyze(
    paths: tuple[Path, ...],
    threshold: float | None,
    confidence: float | None,
    estimator: Estimator | None,
    output: Output,
) -> int:
    """Attribute again from recorded samples alone: run folders or trace files. No Docker needed."""
    verdicts = []
    for path in paths:
        verdict = analyse_path(path, threshold_bytes=threshold, confidence=confidence, estimator=estimator)
        if len(paths) > 1:
            output.answer(f"\n{path}")
        output.answer(render_verdict(verdict))
        verdicts.append(verdict)
    output.document(one_or_list([verdict.model_dump(mode="json") for verdict in verdicts], len(paths)))
    return exit_codes.worst(exit_codes.of_verdict(verdict, {}) for verdict in verdicts)
