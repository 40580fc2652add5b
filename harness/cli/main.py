"""The command `hyperleak`: every subcommand parses, delegates and prints."""

from __future__ import annotations

import sys
import traceback

import click

import harness
from harness import exit_codes
from harness.cli.analyze import analyze
from harness.cli.check import check
from harness.cli.gc import gc
from harness.cli.run import BISECT_OPTION, run
from harness.cli.schema import schema
from harness.cli.screen import screen
from harness.errors import HyperleakError, InputError, Interrupted
from harness.report.printable import printable


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
    code = _code()
    sys.exit(exit_codes.for_bisect(code) if BISECT_OPTION in sys.argv[1:] else code)


def _code() -> int:
    try:
        return cli.main(standalone_mode=False) or 0
    except HyperleakError as error:
        click.echo(printable(f"hyperleak: {error}"), err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return InputError.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("hyperleak: interrupted", err=True)
        return Interrupted.exit_code
    except Exception:  # whatever it is, it must not end with the code that means a leak
        click.echo(f"hyperleak: a fault of its own\n{traceback.format_exc()}", err=True)
        return exit_codes.COULD_NOT_MEASURE
