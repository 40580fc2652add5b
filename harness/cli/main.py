"""The command `hyperleak`: every subcommand parses, delegates and prints."""

from __future__ import annotations

import sys

import click

import harness
from harness.cli.analyze import analyze
from harness.cli.check import check
from harness.cli.gc import gc
from harness.cli.run import run
from harness.cli.schema import schema
from harness.cli.screen import screen
from harness.errors import HyperleakError, InputError, Interrupted


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(harness.__version__, prog_name="hyperleak")
def cli() -> None:
    """Finds which endpoint of a resident PHP app leaks memory, how much, and what holds it.

    Exit codes: 0 clean, 1 leak, 2 bad input, 3 inconclusive, 4 could not measure, 130 interrupted.
    """


for command in (run, screen, check, analyze, schema, gc):
    cli.add_command(command)


def main() -> None:
    """Runs the command line; every error becomes its message, hint and exit code."""
    try:
        code = cli.main(standalone_mode=False)
    except HyperleakError as error:
        click.echo(f"hyperleak: {error}", err=True)
        code = error.exit_code
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = InputError.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("hyperleak: interrupted", err=True)
        code = Interrupted.exit_code
    sys.exit(code or 0)
