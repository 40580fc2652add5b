"""What a shell offers for an argument: files that may be scenarios, folders that hold runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

from harness.history import RECORD, SAMPLES

RESULTS: Final = Path("results")
MOST_OFFERED: Final = 200


def scenario_files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """YAML files, and the folders on the way to them."""
    return _offered(incomplete, lambda path: path.suffix in (".yaml", ".yml"))


def run_folders(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Folders of runs, the newest first; from nothing on, those below `results`."""
    if not incomplete:
        runs = sorted(_runs(RESULTS), key=lambda run: run.name, reverse=True)
        if runs:
            return [CompletionItem(str(run)) for run in runs[:MOST_OFFERED]]
    return _offered(incomplete, lambda path: path.name in (RECORD, SAMPLES))


def _offered(incomplete: str, wanted: Callable[[Path], bool]) -> list[CompletionItem]:
    """What is in the folder that was typed so far; a folder's name ends with a slash, to go on from there."""
    folder, _, beginning = incomplete.rpartition(os.sep)
    base = Path(folder or os.sep) if os.sep in incomplete else Path()
    items = []
    for path in _listed(base):
        if not path.name.startswith(beginning) or (path.name.startswith(".") and not beginning):
            continue
        shown = incomplete[: len(incomplete) - len(beginning)] + path.name
        if path.is_dir():
            items.append(CompletionItem(f"{shown}{os.sep}" if not _is_run(path) else shown))
        elif wanted(path):
            items.append(CompletionItem(shown))
    return items[:MOST_OFFERED]


def _runs(results: Path) -> Iterator[Path]:
    return (run for scenario in _listed(results) if scenario.is_dir() for run in _listed(scenario) if _is_run(run))


def _is_run(folder: Path) -> bool:
    return (folder / RECORD).is_file() or (folder / SAMPLES).is_file()


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
