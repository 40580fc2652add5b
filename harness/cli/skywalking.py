from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from harness import exit_codes
from harness.analysis.decide import Settings
from harness.cli.completing import run_folders
from harness.cli.options import Duration, Size, judging_options
from harness.cli.output import Output, output_options
from harness.errors import InputError
from harness.history import read_record
from harness.model.verdict import Verdict
from harness.remote import PHP_MEMORY, PHP_UNIT_BYTES, Question, trend_of_run, trend_of_service
from harness.report.remote import render_remote
from harness.report.terminal import headline
from harness.skywalking.client import Oap
from harness.units import format_duration

URL_VARIABLE: Final = "HYPERLEAK_SKYWALKING"
DEFAULT_LAST_S: Final = 3 * 3600.0
# The OAP answers minute by minute, and in one piece.
LONGEST_LAST_S: Final = 24 * 3600.0


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path), shell_complete=run_folders)
@click.option(
    "--url",
    required=True,
    envvar=URL_VARIABLE,
    help=f"The OAP's GraphQL address, as http://oap:12800/graphql (also {URL_VARIABLE}).",
)
@click.option("--service", required=True, help="The service's name in SkyWalking.")
@click.option("--instance", help="Which of its instances, where there are several.")
@click.option("--expression", default=PHP_MEMORY, show_default=True, help="The memory, as a metric or as MQE.")
@click.option("--unit", type=Size(), metavar="SIZE", help="What 1 of the expression is, as 1MiB; else 1B.")
@click.option("--last", "last_s", type=Duration(), metavar="TIME", help="Without RUN: how far back, else 3h.")
@judging_options
@output_options
def skywalking(
    run: Path | None,
    url: str,
    service: str,
    instance: str | None,
    expression: str,
    unit: float | None,
    last_s: float | None,
    threshold: float | None,
    confidence: float | None,
    output: Output,
) -> int:
    """Ask SkyWalking how a service's memory grew with its requests: a second opinion on RUN, or without one at all.

    Of a RUN (a folder) with its requests in its time; else with the calls that SkyWalking counted. It blames no
    endpoint and calls nothing a leak. Exits with 0 whatever the answer is.
    """
    if last_s is not None and (run is not None or last_s > LONGEST_LAST_S):
        raise InputError(
            f"--last goes without RUN and up to {format_duration(LONGEST_LAST_S)}", hint="leave one of them out"
        )
    question = Question(
        service=service,
        instance=instance,
        expression=expression,
        unit_bytes=unit or (PHP_UNIT_BYTES if expression == PHP_MEMORY else 1.0),
        threshold_bytes=threshold or Settings().threshold_bytes,
        confidence=confidence or Settings().confidence,
    )
    verdict: Verdict | None = None
    with Oap(url) as oap:
        if run is not None:
            verdict = read_record(run)
            trend = trend_of_run(oap, question, run, verdict)
        else:
            trend = trend_of_service(oap, question, datetime.now(UTC), last_s or DEFAULT_LAST_S)
    if verdict is not None:
        output.answer(f"The run itself: {headline(verdict).plain}")
    output.answer(render_remote(trend))
    output.document(trend.model_dump(mode="json"))
    return exit_codes.CLEAN
