from __future__ import annotations

import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness import exit_codes
from harness.analysis.estimate import POWER
from harness.analysis.plan import Noise
from harness.calibration import Basis, calibrate
from harness.cautions import Caution, cautions_of, huge_pages_of_this_machine
from harness.cli.completing import scenario_files
from harness.cli.interrupts import Interrupts
from harness.cli.options import Size, judging_options
from harness.cli.output import Output, output_options
from harness.errors import InputError
from harness.model.scenario import Scenario
from harness.planning import Plan, check_wanted, given_basis, make_plan
from harness.report.printable import one_line
from harness.scenario import load_scenario
from harness.units import format_duration, format_size, parse_size

_NOT_COUNTED = "Not counted: naming what holds the memory, some seconds a leak. Endpoints decided sooner take less."


class NoiseSize(click.ParamType[float]):
    """A size that may be none."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return float(parse_size(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path), shell_complete=scenario_files)
@judging_options
@click.option("--noise", type=NoiseSize(), metavar="SIZE", help="White noise of a reading; nothing is started then.")
@click.option("--drift", type=NoiseSize(), metavar="SIZE", help="Random walk per root of a second; goes with --noise.")
@click.option("--leak", type=Size(), metavar="SIZE", help="Also ask for the budget that sees a leak of so much.")
@output_options
def plan(
    scenario: Path,
    threshold: float | None,
    confidence: float | None,
    noise: float | None,
    drift: float | None,
    leak: float | None,
    output: Output,
) -> int:
    """Say before a run of SCENARIO how long it takes, how many requests, and the smallest leak that it sees.

    The target is started for a short calibration, unless the noise of its memory is given.
    """
    given = {"threshold_bytes": threshold, "confidence": confidence}
    overrides = {name: value for name, value in given.items() if value is not None}
    read = load_scenario(scenario, os.environ).model_copy(update=overrides)
    if drift is not None and noise is None:
        raise InputError("--drift goes with --noise", hint="give both, or neither for a calibration")
    if leak is not None:
        check_wanted(read, leak)
    made = make_plan(read, _basis(read, noise, drift, output), leak)
    cautions = cautions_of(made, huge_pages_of_this_machine())
    output.answer(_rendered(made, cautions))
    output.document(_document(made, cautions))
    return exit_codes.CLEAN


def _basis(scenario: Scenario, noise: float | None, drift: float | None, output: Output) -> Basis:
    if noise is not None:
        return given_basis(scenario, Noise(noise, drift or 0.0))
    with Interrupts() as interrupts:
        return calibrate(scenario, lambda phase: output.say(f"{scenario.name}: {phase}"), interrupts.asked)


def _rendered(made: Plan, cautions: tuple[Caution, ...]) -> RenderableType:
    parts: list[RenderableType] = [Text(_headline(made), style="bold"), *map(Text, filter(None, [_why(made)]))]
    if made.wanted_leak_bytes is not None:
        parts.append(Text(_wanted(made)))
    parts += [Text(), _table(made), Text(), Text(_standing(made))]
    parts += [Text(f"! {one_line(c.message)}\n  → {one_line(c.hint)}", style="yellow") for c in cautions]
    parts += [Text(f"• {one_line(note)}") for note in made.basis.notes]
    return Group(*parts, Text(_NOT_COUNTED, style="dim"))


def _headline(made: Plan) -> str:
    takes = f"In at most {format_duration(made.duration_s)}, at most {made.requests:,} requests"
    if math.isinf(made.margin_bytes):
        return f"{takes}: too few windows to see any leak"
    seen = f"leaks from {_bytes(made.smallest_leak_bytes)}/request on are seen ({made.settings.confidence * 100:.4g}%)"
    return f"{takes}: {seen}"


def _why(made: Plan) -> str:
    if math.isinf(made.margin_bytes):
        return ""
    threshold, margin = _bytes(made.settings.threshold_bytes), _bytes(made.margin_bytes)
    return f"That is the threshold of {threshold} and {margin} for the noise; {POWER:.0%} of such leaks are found"


def _wanted(made: Plan) -> str:
    leak = _bytes(made.wanted_leak_bytes or 0.0)
    if made.wanted_budget_s is None:
        return f"No budget sees a leak of {leak}/request: it is below what a reading is rounded to, or too near"
    return f"A leak of {leak}/request is seen with a budget of {format_duration(made.wanted_budget_s)}"


def _table(made: Plan) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage")
    for title in ("takes up to", "requests"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("")
    for stage in made.stages:
        table.add_row(stage.name, format_duration(stage.duration_s), f"{stage.requests:,}", stage.remark)
    return table


def _standing(made: Plan) -> str:
    """What the numbers stand on."""
    basis, layout = made.basis, made.layout
    source = "Measured" if basis.calibrated else "Given"
    gap = f"{format_duration(layout.gap_s)} between windows{'' if basis.calibrated else ' (assumed)'}"
    return (
        f"{source}: noise {format_size(basis.noise.white_bytes)} a reading and "
        f"{format_size(basis.noise.walk_bytes_per_sqrt_s)}/√s on {basis.channel}; "
        f"windows of {layout.requests:,} requests in {format_duration(layout.window_s)}, {gap}"
    )


def _document(made: Plan, cautions: tuple[Caution, ...]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "scenario": made.scenario.name,
        "budget_s": made.scenario.load.budget_s,
        "duration_s": made.duration_s,
        "requests": made.requests,
        "threshold_bytes_per_request": made.settings.threshold_bytes,
        "confidence": made.settings.confidence,
        "power": POWER,
        "smallest_leak_bytes_per_request": _finite(made.smallest_leak_bytes),
        "detectable_bytes_per_request": _finite(made.margin_bytes),
        "wanted": _wanted_document(made),
        "stages": [asdict(stage) for stage in made.stages],
        "design": _design_document(made),
        "noise": _noise_document(made.basis),
        "warnings": [asdict(caution) for caution in cautions],
        "notes": list(made.basis.notes),
    }


def _wanted_document(made: Plan) -> dict[str, float | None] | None:
    if made.wanted_leak_bytes is None:
        return None
    return {"leak_bytes_per_request": made.wanted_leak_bytes, "budget_s": made.wanted_budget_s}


def _design_document(made: Plan) -> dict[str, Any]:
    return {
        "kind": made.layout.kind,
        "endpoints": made.layout.endpoints,
        "windows_each": made.windows,
        "requests_a_window": made.layout.requests,
        "window_s": made.layout.window_s,
        "gap_s": made.layout.gap_s,
    }


def _noise_document(basis: Basis) -> dict[str, Any]:
    return {
        "source": "calibration" if basis.calibrated else "given",
        "channel": basis.channel,
        "white_bytes": basis.noise.white_bytes,
        "walk_bytes_per_sqrt_s": basis.noise.walk_bytes_per_sqrt_s,
        "settled_sample_s": basis.settled_sample_s,
        "rate": basis.rate,
    }


def _bytes(size: float) -> str:
    return "less than 1 B" if 0 < size < 1 else f"{size:.3g} B" if size < 100 else format_size(size)


def _finite(size: float) -> float | None:
    return None if math.isinf(size) else size
