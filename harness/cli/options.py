"""Options that more than one command has, and their types."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from harness.model.scenario import Estimator
from harness.units import parse_duration, parse_size


class Size(click.ParamType[float]):
    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            size = float(parse_size(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if size <= 0:
            self.fail(f"{value!r} is not above zero", param, ctx)
        return size


class Duration(click.ParamType[float]):
    """Seconds, written like 90s or 2m."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds <= 0:
            self.fail(f"{value!r} is not above zero", param, ctx)
        return seconds


def judging_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--threshold` and `--confidence`; None where the scenario's or the recording's own are to be used."""
    command = click.option(
        "--threshold", type=Size(), metavar="SIZE", help="Smallest growth a request that is called a leak, as 32B."
    )(command)
    return click.option(
        "--confidence",
        type=click.FloatRange(0.5, 1.0, min_open=True, max_open=True),
        metavar="LEVEL",
        help="Confidence of the whole run, as 0.99.",
    )(command)


estimator_option = click.option(
    "--estimator",
    type=click.Choice(get_args(Estimator)),
    help="How growth is fitted: robust to jumps, or gls where the noise is known to be smooth.",
)

BISECT_OPTION = "--exit-for-bisect"

results_option = click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder that keeps the runs.",
)
