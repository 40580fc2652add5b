"""The command `hyperleak`: every subcommand parses, delegates and prints."""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import ClassVar

import click
from click.shell_completion import CompletionItem

import harness
from harness import exit_codes
from harness.cli.options import BISECT_OPTION
from harness.errors import HyperleakError, InputError, Interrupted
from harness.report.printable import printable


class LazyGroup(click.Group):
    """Imports a subcommand when it is asked for: most of them need libraries that take long to import."""

    names: ClassVar[tuple[str, ...]] = (
        "init",
        "run",
        "campaign",
        "merge",
        "bisect",
        "screen",
        "check",
        "plan",
        "analyze",
        "report",
        "diagnose",
        "compare",
        "history",
        "review",
        "notify",
        "export",
        "skywalking",
        "schema",
        "completion",
        "gc",
    )

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.names)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names and options; what is not asked for isn't imported for its help, either."""
        names = [CompletionItem(name) for name in self.names if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self.names:
            return None
        command: click.Command = getattr(importlib.import_module(f"harness.cli.{cmd_name}"), cmd_name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(harness.__version__, prog_name="hyperleak")
def cli() -> None:
    """Finds which endpoint of a resident PHP app leaks memory, how much, and what holds it.

    Exit codes: 0 clean, 1 leak, 2 bad input, 3 inconclusive, 4 could not measure, 130 interrupted.
    """


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
