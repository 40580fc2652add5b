from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from harness import exit_codes
from harness.cli.completing import scenario_files
from harness.cli.interrupts import Interrupts
from harness.cli.live.running import watching
from harness.cli.onward import from_here, steps_after
from harness.cli.opinions import ask_after_run
from harness.cli.options import BISECT_OPTION, Duration, estimator_option, judging_options, results_option
from harness.cli.output import Output, failure_document, one_or_list, output_options
from harness.cli.telling import Telling, telling_options
from harness.errors import Interrupted, MeasureError
from harness.model.scenario import Estimator, Scenario
from harness.nightly.known import KnownLeaks, load_known, without_known
from harness.report.terminal import render_verdict
from harness.run import RunResult, run_scenario
from harness.scenario import load_scenario


@click.command()
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path), shell_complete=scenario_files)
@judging_options
@estimator_option
@click.option("--budget", type=Duration(), metavar="TIME", help="Time of load, as 2m, instead of the scenario's own.")
@click.option("--seed", type=click.IntRange(0), help="Seed of the schedule, instead of the scenario's own.")
@click.option(
    BISECT_OPTION, is_flag=True, expose_value=False, help="Exit as `git bisect run` wants it: 0, 1, 125, 128."
)
@click.option("--known", type=click.Path(path_type=Path), help="File of known leaks, which don't fail.")
@results_option
@output_options
@telling_options
def run(
    scenarios: tuple[Path, ...],
    threshold: float | None,
    confidence: float | None,
    estimator: Estimator | None,
    budget: float | None,
    seed: int | None,
    known: Path | None,
    results: Path,
    output: Output,
    telling: Telling,
) -> int:
    """Start each of SCENARIOS' targets, drive traffic, sample, attribute, and print the verdict."""
    given = {"threshold_bytes": threshold, "confidence": confidence, "estimator": estimator, "seed": seed}
    overrides = {name: value for name, value in given.items() if value is not None}
    read = [load_scenario(path, os.environ).model_copy(update=overrides) for path in scenarios]
    read = [_with_budget(scenario, budget) for scenario in read] if budget is not None else read
    leaks = load_known(known, datetime.now(UTC).date()) if known is not None else None
    return _run_all(read, results, output, telling, leaks)


def _with_budget(scenario: Scenario, budget_s: float) -> Scenario:
    return scenario.model_copy(update={"load": scenario.load.model_copy(update={"budget_s": budget_s})})


def _run_all(
    scenarios: list[Scenario], results: Path, output: Output, telling: Telling, known: KnownLeaks | None
) -> int:
    codes, documents = [], []
    with Interrupts() as interrupts:
        for scenario in scenarios:
            try:
                result = _run_one(scenario, results, output, interrupts, known)
                documents.append(result.verdict.model_dump(mode="json"))
                codes.append(_code(result))
                telling.found(scenario.name, result.verdict, result.folder.path, codes[-1])
            except (MeasureError, Interrupted) as error:
                output.answer(f"hyperleak: {scenario.name}: {error}")
                documents.append({"scenario": scenario.name, **failure_document(error)})
                codes.append(error.exit_code)
                telling.failed(scenario.name, error)
            if interrupts.asked():
                break
    codes.append(telling.finish(output))
    output.document(one_or_list(documents, len(scenarios)))
    return exit_codes.worst(codes)


def _run_one(
    scenario: Scenario, results: Path, output: Output, interrupts: Interrupts, known: KnownLeaks | None
) -> RunResult:
    with watching(output, scenario, interrupts) as watcher:
        result = run_scenario(scenario, results, watcher)
    if known is not None:
        result = replace(result, verdict=known.mark_verdict(result.verdict, scenario.expect))
        result.folder.write_record(result.verdict)
    folder = result.folder.path
    steps = steps_after(result.verdict, folder, scenario)
    output.answer(render_verdict(result.verdict, folder=from_here(folder), steps=steps))
    if result.interrupted:
        output.answer("Stopped early, as asked: the verdict stands on what was measured until then")
    if result.ended and not result.ended.oom_kills:
        output.answer(f"The target died: {result.ended.detail}\n{result.log_tail}".rstrip())
    for endpoint in result.verdict.endpoints:
        if endpoint.known is not None:
            output.answer(f"Known, does not fail: {endpoint.name}: {endpoint.known}")
    ask_after_run(scenario, result.verdict, result.folder, output, interrupts.asked)
    judged = without_known(result.verdict)
    for name, found in exit_codes.surprises(judged, scenario.expect).items() if scenario.expect else ():
        output.answer(f"Not as expected: {name} is {found}, expected {scenario.expect.get(name, 'no leak')}")
    return result


def _code(result: RunResult) -> int:
    if result.interrupted:
        return exit_codes.INTERRUPTED
    return exit_codes.of_verdict(without_known(result.verdict), result.scenario.expect, result.ended)
