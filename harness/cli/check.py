from __future__ import annotations

import os
from pathlib import Path

import click

from harness.cli.completing import scenario_files
from harness.cli.output import Output, one_or_list, output_options
from harness.errors import InputError
from harness.scenario import ScenarioError, load_scenario


@click.command()
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path), shell_complete=scenario_files)
@output_options
def check(scenarios: tuple[Path, ...], output: Output) -> int:
    """Read SCENARIOS and say every mistake at once, with file, line and column. Starts nothing."""
    documents = []
    for path in scenarios:
        problems = _problems(path)
        documents.append({"file": str(path), "ok": not problems, "problems": problems})
        for problem in problems:
            output.answer(
                f"{problem['file']}:{problem['line']}:{problem['column']}: {problem['what']}; {problem['to_do']}"
            )
        if not problems:
            output.say(f"{path}: ok")
    output.document(one_or_list(documents, len(scenarios)))
    return 0 if all(document["ok"] for document in documents) else InputError.exit_code


def _problems(path: Path) -> list[dict[str, object]]:
    try:
        load_scenario(path, os.environ)
    except ScenarioError as error:
        return [
            {"file": str(p.file), "line": p.line, "column": p.column, "what": p.what, "to_do": p.to_do}
            for p in error.problems
        ]
    return []
