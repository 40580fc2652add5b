from __future__ import annotations

import os
from pathlib import Path

import click

from harness import exit_codes
from harness.cli.interrupts import Interrupts
from harness.cli.live import LiveView
from harness.cli.options import BISECT_OPTION, judging_options, results_option
from harness.cli.output import Output, failure_document, one_or_list, output_options
from harness.errors import Interrupted, MeasureError
from harness.model.scenario import Scenario
from harness.report.terminal import render_verdict
from harness.run import RunResult, Watcher, run_scenario
from harness.scenario import load_scenario


@click.command()
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path))
@judging_options
@click.option("--seed", type=click.IntRange(0), help="Seed of the schedule, instead of the scenario's own.")
@click.option(
    BISECT_OPTION, is_flag=True, expose_value=False, help="Exit as `git bisect run` wants it: 0, 1, 125, 128."
)
@results_option
@output_options
def run(
    scenarios: tuple[Path, ...],
    threshold: float | None,
    confidence: float | None,
    seed: int | None,
    results: Path,
    output: Output,
) -> int:
    """Start each of SCENARIOS' targets, drive traffic, sample, attribute, and print the verdict."""
    given = {"threshold_bytes": threshold, "confidence": confidence, "seed": seed}
    overrides = {name: value for name, value in given.items() if value is not None}
    read = [load_scenario(path, os.environ).model_copy(update=overrides) for path in scenarios]
    return _run_all(read, results, output)


def _run_all(scenarios: list[Scenario], results: Path, output: Output) -> int:
    codes, documents = [], []
    with Interrupts() as interrupts:
        for scenario in scenarios:
            try:
                result = _run_one(scenario, results, output, interrupts)
                documents.append(result.verdict.model_dump(mode="json"))
                codes.append(_code(result))
            except (MeasureError, Interrupted) as error:
                output.answer(f"hyperleak: {scenario.name}: {error}")
                documents.append({"scenario": scenario.name, **failure_document(error)})
                codes.append(error.exit_code)
            if interrupts.asked():
                break
    output.document(one_or_list(documents, len(scenarios)))
    return exit_codes.worst(codes)


def _run_one(scenario: Scenario, results: Path, output: Output, interrupts: Interrupts) -> RunResult:
    with LiveView(output, scenario) as view:
        interrupts.release()
        watcher = Watcher(
            phase=view.phase,
            sample=view.sample,
            look=view.look,
            stop_asked=interrupts.asked,
            measured=interrupts.hold,
        )
        result = run_scenario(scenario, results, watcher)
    output.answer(render_verdict(result.verdict, folder=result.folder.path))
    if result.ended and not result.ended.oom_kills:
        output.answer(f"The target died: {result.ended.detail}\n{result.log_tail}".rstrip())
    for name, found in exit_codes.surprises(result.verdict, scenario.expect).items() if scenario.expect else ():
        output.answer(f"Not as expected: {name} is {found}, expected {scenario.expect.get(name, 'no leak')}")
    return result


def _code(result: RunResult) -> int:
    if result.interrupted:
        return exit_codes.INTERRUPTED
    return exit_codes.of_verdict(result.verdict, result.scenario.expect, result.ended)
