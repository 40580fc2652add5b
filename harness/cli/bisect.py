from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click
from rich.markup import escape

from harness import exit_codes
from harness.bisection.perform import Question
from harness.bisection.perform import bisect as perform
from harness.cli.completing import scenario_files
from harness.cli.interrupts import Interrupts
from harness.cli.options import judging_options, results_option
from harness.cli.output import Output, output_options
from harness.model.bisection import Bisection, Find
from harness.model.scenario import Scenario
from harness.report.bisection import bisection_headline, bisection_lines
from harness.run import Watcher


class Terminal:
    """Looks on for a person: a line for what each commit gave, and what is done now where there is a terminal."""

    def __init__(self, output: Output, interrupts: Interrupts) -> None:
        self._output = output
        self._interrupts = interrupts

    def say(self, text: str) -> None:
        self._output.say(text)

    def stop_asked(self) -> bool:
        return self._interrupts.asked()

    @contextmanager
    def watching(self, scenario: Scenario) -> Iterator[Watcher]:
        self._interrupts.release()
        drawn = self._output.people.is_terminal and not self._output.quiet
        status = self._output.people.status("") if drawn else None
        with status or nullcontext():
            yield Watcher(
                phase=lambda name: status.update(escape(f"{scenario.name}: {name}")) if status else None,
                sample=lambda _: None,
                look=lambda _: None,
                stop_asked=self._interrupts.asked,
                measured=self._interrupts.hold,
            )


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path), shell_complete=scenario_files)
@click.option("--good", required=True, metavar="REV", help="A revision without the leak.")
@click.option("--bad", required=True, metavar="REV", help="A revision with the leak.")
@click.option(
    "--repo", type=click.Path(path_type=Path), default=Path(), show_default=True, help="The app's git repository."
)
@click.option("--endpoint", metavar="NAME", help="Look at this endpoint alone; else at the one that differs the most.")
@click.option(
    "--find",
    type=click.Choice(["leak", "fix"]),
    default="leak",
    show_default=True,
    help="The commit that brought the leak, or (--good being the newer one) the commit that fixed it.",
)
@click.option("--resume", is_flag=True, help="Go on with the unfinished search for the same.")
@judging_options
@results_option
@output_options
def bisect(
    scenario: Path,
    good: str,
    bad: str,
    repo: Path,
    endpoint: str | None,
    find: Find,
    resume: bool,
    threshold: float | None,
    confidence: float | None,
    results: Path,
    output: Output,
) -> int:
    """Find the commit that brought a leak, by `git bisect` with a measurement at each step.

    What SCENARIO's target takes from the repository (build context, compose file, command) is taken from a worktree of
    its own at each revision; ${HYPERLEAK_SOURCE} names that worktree. Your checkout is not touched.
    """
    given = {"threshold_bytes": threshold, "confidence": confidence}
    overrides = {name: value for name, value in given.items() if value is not None}
    question = Question(repo, scenario, good, bad, find, endpoint, overrides)
    with Interrupts() as interrupts:
        answered = perform(question, results, Terminal(output, interrupts), resume=resume)
    output.answer(bisection_headline(answered.result))
    for line in bisection_lines(answered.result, folder=answered.folder.path, log=answered.folder.log):
        output.answer(line)
    output.document(answered.result.model_dump(mode="json"))
    return _code(answered.result)


def _code(result: Bisection) -> int:
    """1: a commit brought the leak; 0: a commit fixed it, so the newer revision doesn't leak; 3: none can be named."""
    if result.outcome != "found":
        return exit_codes.INCONCLUSIVE
    return exit_codes.LEAK if result.search.find == "leak" else exit_codes.CLEAN
