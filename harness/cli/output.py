"""Where text goes: people's to stderr or stdout, one JSON document alone on stdout when it was asked for."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import click
from rich.console import Console, RenderableType
from rich.text import Text

from harness.errors import HyperleakError, Interrupted
from harness.report.printable import printable

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Output:
    """`people` carries text for people; `document` prints the JSON where `json_asked`."""

    people: Console
    json_asked: bool
    quiet: bool

    def say(self, text: RenderableType) -> None:
        """Progress and remarks, which `--quiet` leaves out."""
        if not self.quiet:
            self._print(text)

    def answer(self, text: RenderableType) -> None:
        """What was asked for; not printed beside a JSON document when quiet."""
        if not (self.quiet and self.json_asked):
            self._print(text)

    def document(self, content: Any) -> None:
        if self.json_asked:
            sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=not _stdout_is_utf8()) + "\n")
            sys.stdout.flush()

    def _print(self, text: RenderableType) -> None:
        """A string is shown as it is, in one line however wide the terminal; square brackets are no markup."""
        if isinstance(text, str):
            self.people.print(Text(printable(text)), soft_wrap=True)
        else:
            self.people.print(text, highlight=False, crop=False)


def one_or_list(documents: list[Any], inputs: int) -> Any:
    """Several inputs make a list, even where not all of them came to be done; one stands for itself."""
    return documents if inputs > 1 else documents[0]


def failure_document(error: HyperleakError) -> dict[str, object]:
    """What stands in a JSON document's place where there is no result."""
    return {"error": error.message, "hint": error.hint, "exit_code": error.exit_code}


def output_options(command: Callable[..., R]) -> Callable[..., R]:
    """`--json --quiet --verbose --no-color` on a command, which gets them as `output: Output`."""

    @click.option("--json", "json_asked", is_flag=True, help="Print one JSON document on stdout, text on stderr.")
    @click.option("--quiet", "-q", is_flag=True, help="Print the answer alone.")
    @click.option("--verbose", "-v", is_flag=True, help="Say what is done underneath.")
    @click.option("--no-color", is_flag=True, help="No colours (also NO_COLOR).")
    @wraps(command)
    def wrapped(*args: Any, json_asked: bool, quiet: bool, verbose: bool, no_color: bool, **kwargs: Any) -> R:
        logging.basicConfig(level=logging.DEBUG if verbose else logging.WARNING, format="%(name)s: %(message)s")
        for noisy in ("urllib3", "docker", "httpx", "httpcore"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        console = Console(stderr=json_asked, no_color=no_color or bool(os.environ.get("NO_COLOR")), emoji=False)
        output = Output(console, json_asked, quiet)
        try:
            return command(*args, output=output, **kwargs)
        except HyperleakError as error:
            output.document(failure_document(error))
            raise
        except KeyboardInterrupt:
            output.document(failure_document(Interrupted("interrupted")))
            raise

    return wrapped


def _stdout_is_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
