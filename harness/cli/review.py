from __future__ import annotations

from pathlib import Path

import click

from harness import exit_codes
from harness.cli.output import Output, output_options
from harness.errors import InputError
from harness.report.review import render_review, render_review_sarif
from harness.report.writing import write_stdout
from harness.reviewing import review_app


@click.command()
@click.argument("app", type=click.Path(path_type=Path))
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Rank by what this run (a folder or its record.json) measured.",
)
@click.option("--possible", is_flag=True, help="Also what is not shown to be in a request's path.")
@click.option("--sarif", is_flag=True, help="Print SARIF 2.1.0 on stdout.")
@click.option("--fail", is_flag=True, help="Exit with 1 where a finding is measured or likely, and not suppressed.")
@output_options
def review(app: Path, run: Path | None, possible: bool, sarif: bool, fail: bool, output: Output) -> int:
    """Look for what the known causes of leaks look like in the source of APP (a folder or a file).

    Exits with 0 whatever is found, as what is only read is a suspicion; with 1 under --fail.

    A comment `// hyperleak: ignore RULE: reason`, on the line or alone above it, suppresses a finding.
    """
    if sarif and output.json_asked:
        raise InputError("--json and --sarif are two documents for one stdout", hint="leave one of them out")
    found = review_app(app, run)
    if sarif:
        write_stdout(render_review_sarif(found))
    else:
        output.answer(render_review(found, possible=possible))
        output.document(found.model_dump(mode="json"))
    failing = any(f.likelihood != "possible" and not f.suppressed for f in found.findings)
    return exit_codes.LEAK if fail and failing else exit_codes.CLEAN
