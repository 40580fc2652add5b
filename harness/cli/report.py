from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness import exit_codes
from harness.cli.completing import run_folders
from harness.cli.onward import steps_after
from harness.cli.output import Output, output_options
from harness.dossier import dossier_of, plain_dossier_of, read_verdict
from harness.errors import InputError
from harness.history import SAMPLES
from harness.model.picture import Dossier
from harness.model.verdict import Verdict
from harness.report.diagnosis import render_diagnosis
from harness.report.formats import FORMATS
from harness.report.sources import PathPrefix, in_repository, parse_prefix
from harness.report.terminal import render_verdict
from harness.report.writing import write_report, write_stdout


class FormatNames(click.ParamType[tuple[str, ...]]):
    """Names of formats with commas between them, each once."""

    name = "formats"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(name.strip() for name in str(value).split(",")))
        unknown = [name for name in names if name not in FORMATS]
        if unknown:
            self.fail(f"{', '.join(map(repr, unknown))}: there are {', '.join(FORMATS)}", param, ctx)
        return names


@click.command()
@click.argument("run", type=click.Path(path_type=Path), shell_complete=run_folders)
@click.option("--format", "-f", "names", type=FormatNames(), metavar="FORMAT[,…]", help=f"Of {', '.join(FORMATS)}.")
@click.option(
    "--output",
    "-o",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write a file for each format (all, where none is asked for) into DIR.",
)
@click.option(
    "--path-prefix",
    "prefixes",
    multiple=True,
    metavar="INSIDE=FOLDER",
    help="Files under INSIDE of the container are in FOLDER of the repository, as /opt/www=app. May be repeated.",
)
@output_options
def report(
    run: Path, names: tuple[str, ...] | None, folder: Path | None, prefixes: tuple[str, ...], output: Output
) -> int:
    """Render RUN (a run folder or its record.json) again: one format on stdout, or files in a folder.

    Exits with 0 whatever the verdict is: the run has said it.
    """
    relocations = [parse_prefix(text) for text in prefixes]
    _check(names, folder, output)
    verdict = _read(run, relocations)
    chosen = names or (tuple(FORMATS) if folder else ())
    pictured = any(FORMATS[name].pictured for name in chosen)
    dossier = dossier_of(run, verdict) if pictured else plain_dossier_of(run, verdict)
    if folder is not None:
        _write_files(dossier, chosen, folder, output)
    elif names:
        write_stdout(FORMATS[names[0]].render(dossier))
    else:
        folder = run if run.is_dir() else None
        output.answer(render_verdict(dossier.verdict, folder=folder, steps=steps_after(verdict, folder)))
        if dossier.diagnosis is not None:
            output.answer(render_diagnosis(dossier.diagnosis))
        output.document(verdict.model_dump(mode="json"))
    return exit_codes.CLEAN


def _check(names: tuple[str, ...] | None, folder: Path | None, output: Output) -> None:
    if folder is None and names and len(names) > 1:
        raise InputError(
            f"--format {','.join(names)}: stdout takes one format alone", hint="write them into a folder with -o DIR"
        )
    if folder is None and output.json_asked and names not in (None, ("json",)):
        raise InputError("--json and another --format are two documents for one stdout", hint="leave one of them out")


def _read(run: Path, relocations: list[PathPrefix]) -> Verdict:
    try:
        return in_repository(read_verdict(run), relocations)
    except InputError as error:
        if (run / SAMPLES).is_file():
            hint = f"`hyperleak analyze {run}` makes the verdict again from its samples"
            raise InputError(error.message, hint=hint) from error
        raise


def _write_files(dossier: Dossier, names: tuple[str, ...], folder: Path, output: Output) -> None:
    files = {name: folder / f"report{FORMATS[name].suffix}" for name in names}
    for name, path in files.items():
        write_report(path, FORMATS[name].render(dossier))
        output.answer(f"Written: {path}")
    output.document({"run_id": dossier.verdict.run_id, "files": {name: str(path) for name, path in files.items()}})
