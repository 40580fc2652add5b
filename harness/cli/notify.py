from __future__ import annotations

import os
from pathlib import Path

import click

from harness import exit_codes
from harness.cli.completing import run_folders
from harness.cli.output import Output, output_options
from harness.cli.telling import LINK_VARIABLE, NOTIFY_VARIABLE, addresses_of, link_of
from harness.errors import InputError
from harness.history import read_record
from harness.report.notice import render_notice, told_of


@click.command()
@click.argument(
    "runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...", shell_complete=run_folders
)
@click.option(
    "--to",
    "urls",
    multiple=True,
    metavar="URL",
    help=f"Address as apprise writes it, as slack://…; may be repeated. Better in {NOTIFY_VARIABLE}: it is a secret.",
)
@click.option("--link", metavar="URL", help=f"Where people find more, as the CI job's page (also {LINK_VARIABLE}).")
@output_options
def notify(runs: tuple[Path, ...], urls: tuple[str, ...], link: str | None, output: Output) -> int:
    """Tell people of RUNs (run folders or their record.json) in one message to chats, mail boxes, webhooks.

    Exits with 0 where everybody was told, whatever the verdict is, else with 4.
    """
    addresses = addresses_of(urls, os.environ)
    if not addresses:
        raise InputError("nobody to notify", hint=f"give --to URL, or set {NOTIFY_VARIABLE}")
    told = [told_of(read_record(run), str(run)) for run in runs]
    notice = render_notice(told, link=link or link_of(os.environ))
    problems = {address.label: address.send(notice) for address in addresses}
    for label, problem in problems.items():
        if problem:
            output.answer(f"not delivered to {label}: {problem}")
        else:
            output.say(f"sent to {label}")
    sent = [{"to": label, "sent": not problem, "problem": problem} for label, problem in problems.items()]
    output.document({**notice.model_dump(mode="json"), "addresses": sent})
    return exit_codes.COULD_NOT_MEASURE if any(problems.values()) else exit_codes.CLEAN
