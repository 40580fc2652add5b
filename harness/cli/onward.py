"""Which of the program's commands lead on from a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from harness.model.scenario import Scenario
from harness.model.verdict import Verdict
from harness.report.next_steps import Origin, Step, next_steps

PAGE: Final = "report.html"


def steps_after(
    verdict: Verdict, folder: Path | None = None, scenario: Scenario | None = None, *, running: str = ""
) -> list[Step]:
    """What to do next about `verdict`, kept in `folder`, of a run of `scenario`; without those what can be said.

    `running`: what was looked at where it ran, as `hyperleak init` takes it.
    """
    context = click.get_current_context()
    group = context.find_root().command
    commands = group.list_commands(context) if isinstance(group, click.Group) else []
    page = folder / PAGE if folder is not None and (folder / PAGE).is_file() else None
    return next_steps(
        verdict,
        Origin(
            commands=frozenset(commands),
            folder=from_here(folder) if folder else None,
            page=from_here(page) if page else None,
            scenario=from_here(scenario.source) if scenario else None,
            budget_s=scenario.load.budget_s if scenario else None,
            threshold_bytes=scenario.threshold_bytes if scenario else None,
            running=running,
        ),
    )


def from_here(path: Path) -> Path:
    """The same path, from the working directory on where it is inside of it: shorter, and as people type it."""
    try:
        return path.resolve().relative_to(Path.cwd().resolve())
    except (ValueError, OSError):
        return path
