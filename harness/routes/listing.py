"""Hyperf's own listing of its routes: `php bin/hyperf.php describe:routes`, of the development tools."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from harness.errors import InputError
from harness.routes.route import Found, Route, route_of, unique

PROGRAM: Final = "bin/hyperf.php"
COMMAND: Final = ("describe:routes", "--no-ansi", "--no-interaction")
LISTING_TIMEOUT_S: Final = 30
_COLUMNS: Final = ["Server", "Method", "URI", "Action"]

Run = Callable[[Sequence[str]], tuple[int, str]]
"""Runs a command where the app is: exit code and all that it said."""


def ask_app(run: Run, where: str, program: str = PROGRAM) -> Found:
    """What the app itself lists. Raises InputError where it can't, with what it said."""
    code, said = run(["php", program, *COMMAND])
    routes = unique(read_listing(said))
    if routes:
        return Found(routes, f"`{' '.join(COMMAND[:1])}` {where}")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    detail = f": {lines[-1][:200]}" if lines else ""
    raise InputError(
        f"`php {program} {COMMAND[0]}` {where} ended with {code} and listed no route{detail}",
        hint="it needs hyperf/devtool and an app that boots; the source alone is read with --static",
    )


def run_here(folder: Path) -> Run:
    """Runs in the app's folder on this machine, for a limited time."""

    def run(command: Sequence[str]) -> tuple[int, str]:
        try:
            done = subprocess.run(
                list(command),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=LISTING_TIMEOUT_S,
                check=False,
            )
        except OSError as error:
            return 127, f"{command[0]}: {error.strerror or error}"
        except subprocess.TimeoutExpired:
            return 124, f"it did not end within {LISTING_TIMEOUT_S} s"
        return done.returncode, done.stdout.decode("utf-8", errors="replace")

    return run


def read_listing(text: str) -> Iterator[Route]:
    """The rows of the table, by the borders of its columns: a cell may hold the bar that separates them."""
    bounds: list[int] = []
    header: list[str] = []
    for line in text.splitlines():
        if re.fullmatch(r"(?:\+-+)+\+", line):
            bounds = [at for at, character in enumerate(line) if character == "+"]
            continue
        cells = _cells(line, bounds)
        if cells[:4] == _COLUMNS:
            header = cells
        elif header and len(cells) == len(header) and cells[1]:
            for method in cells[1].split("|"):
                yield route_of(method.strip(), cells[2], cells[3])


def _cells(line: str, bounds: Sequence[int]) -> list[str]:
    if not bounds or len(line) <= bounds[-1] or any(line[at] != "|" for at in bounds):
        return []
    return [line[a + 1 : b].strip() for a, b in pairwise(bounds)]
