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
            self.people.print(text, highlight=False, soft_wrap=isinstance(text, str))

    def answer(self, text: RenderableType) -> None:
        """What was asked for; not printed beside a JSON document when quiet."""
        if not (self.quiet and self.json_asked):
            self.people.print(text, highlight=False, soft_wrap=isinstance(text, str))

    def document(self, content: Any) -> None:
        if self.json_asked:
            sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
            sys.stdout.flush()


def one_or_list(documents: list[Any]) -> Any:
    """Several inputs make a list, one stands for itself."""
    return documents[0] if len(documents) == 1 else documents


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
        return command(*args, output=Output(console, json_asked, quiet), **kwargs)

    return wrapped
