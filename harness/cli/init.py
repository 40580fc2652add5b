from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import click

import harness
from harness import exit_codes
from harness.beginning import Beginning, begin
from harness.cli.output import Output, output_options
from harness.errors import InputError, StorageError
from harness.routes.writing import Draft, scenario_name, write_scenario
from harness.scenario import ScenarioError, load_scenario

SCHEMA_FILE: Final = "scenario.schema.json"
STDOUT: Final = Path("-")


@click.command()
@click.argument("app", metavar="URL-or-APP")
@click.option(
    "--output",
    "-o",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    default=Path("scenario.yaml"),
    show_default=True,
    help="The scenario to write; - for stdout.",
)
@click.option("--container", metavar="NAME", help="The running container that the app is in: it is asked there.")
@click.option("--static", is_flag=True, help="Read the app's source alone; run nothing of it.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@output_options
def init(app: str, file: Path, container: str | None, static: bool, force: bool, output: Output) -> int:
    """Write a first scenario from an app's own routes: its folder, its URL, or its OpenAPI document (file or URL).

    The routes of a Hyperf app come from `describe:routes`, where it can run, else from its source. What only reads is
    asked; what may change something waits behind a #.
    """
    _check(file, container, static, force, output)
    beginning = begin(app, file.parent, container=container, static=static)
    name = scenario_name(beginning.title)
    draft = write_scenario(
        beginning.found, beginning.target, name, file=_shown(file), schema=_schema_beside(file.parent)
    )
    if file == STDOUT:
        sys.stdout.write(draft.text)
        return exit_codes.CLEAN
    _write(file, draft.text, force=force)
    _tell(file, beginning, draft, output)
    return exit_codes.CLEAN


def _check(file: Path, container: str | None, static: bool, force: bool, output: Output) -> None:
    if container is not None and static:
        raise InputError("--container asks the app, --static runs nothing of it", hint="leave one of them out")
    if file == STDOUT and output.json_asked:
        raise InputError("--json and `-o -` are two documents for one stdout", hint="leave one of them out")
    if file != STDOUT and not force and os.path.lexists(file):
        raise _is_there(file)


def _schema_beside(folder: Path) -> str:
    """Where an editor finds the schema, from the scenario's folder on: beside it, or in this program's checkout."""
    if (folder / SCHEMA_FILE).is_file():
        return SCHEMA_FILE
    checkout = Path(harness.__file__).resolve().parents[1]
    schema = checkout / "scenarios" / SCHEMA_FILE
    inside = folder.resolve().is_relative_to(checkout)
    return os.path.relpath(schema, folder.resolve()) if inside and schema.is_file() else ""


def _write(file: Path, text: str, *, force: bool) -> None:
    """Raises StorageError, and InputError for a file that came to be there meanwhile."""
    try:
        with file.open("w" if force else "x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError as error:
        raise _is_there(file) from error
    except OSError as error:
        raise StorageError(f"{file}: {error.strerror or error}", hint="choose another file with -o") from error


def _tell(file: Path, beginning: Beginning, draft: Draft, output: Output) -> None:
    problems = _problems(file)
    found = beginning.found
    output.answer(f"Written: {file} ({draft.on:,} endpoints, {draft.off:,} more behind a #; from {found.source})")
    for note in found.notes:
        output.say(f"Not read: {note}")
    if found.notes and beginning.could_be_asked:
        output.say("What the app makes when it runs, it lists where it runs: --container NAME")
    for problem in problems:
        output.answer(f"To mend: {problem}")
    if beginning.target.remark:
        output.say(f"Look at the target: {beginning.target.remark}")
    output.say(f"Next: hyperleak check {_shown(file)}, then hyperleak run {_shown(file)}")
    output.document(
        {
            "file": str(file),
            "source": found.source,
            "routes": [{"name": route.name, "where": route.where} for route in found.routes],
            "endpoints": draft.on,
            "commented_out": draft.off,
            "target": dict(beginning.target.section),
            "notes": list(found.notes),
            "problems": problems,
        }
    )


def _problems(file: Path) -> list[str]:
    """What `hyperleak check` says of the file."""
    try:
        load_scenario(file, os.environ)
    except ScenarioError as error:
        return [f"{p.file}:{p.line}:{p.column}: {p.what}; {p.to_do}" for p in error.problems]
    return []


def _is_there(file: Path) -> InputError:
    return InputError(f"{file} is there already", hint="choose another file with -o, or write over it with --force")


def _shown(file: Path) -> str:
    return "FILE" if file == STDOUT else str(file)
