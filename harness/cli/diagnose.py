from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import click

from harness import exit_codes
from harness.cli.completing import run_folders
from harness.cli.opinions import ask_tools, leaking
from harness.cli.options import Duration
from harness.cli.output import Output, output_options
from harness.diagnose.xhgui import import_profiles
from harness.errors import InputError
from harness.history import RunFolder, read_record
from harness.model.diagnosis import DiagnosePlan, ToolName
from harness.model.scenario import Scenario
from harness.model.verdict import Verdict
from harness.scenario import load_scenario

TOOL_NAMES: tuple[ToolName, ...] = get_args(ToolName)


class ToolNames(click.ParamType[tuple[ToolName, ...]]):
    """Names of tools with commas between them, each once."""

    name = "tools"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[ToolName, ...]:
        names = dict.fromkeys(name.strip() for name in str(value).split(","))
        unknown = [name for name in names if name not in TOOL_NAMES]
        if unknown:
            self.fail(f"{', '.join(map(repr, unknown))}: there are {', '.join(TOOL_NAMES)}", param, ctx)
        return tuple(known for known in TOOL_NAMES if known in names)


class Variable(click.ParamType[tuple[str, str]]):
    name = "variable"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, equals, text = str(value).partition("=")
        if not equals or not name or any(character.isspace() for character in name):
            self.fail(f"{name!r} is no KEY=VALUE", param, ctx)
        return name, text


@click.command()
@click.argument("run", type=click.Path(path_type=Path), shell_complete=run_folders)
@click.option("--tool", "tools", type=ToolNames(), metavar="NAME[,…]", help=f"Of {', '.join(TOOL_NAMES)}.")
@click.option("--endpoint", "endpoints", multiple=True, metavar="NAME", help="Instead of those that leak; repeatable.")
@click.option("--requests", type=click.IntRange(1, 100_000), help="To one target; twice as many to another.  [50]")
@click.option("--limit", type=Duration(), metavar="TIME", help="For each target, from its start to its end.  [120s]")
@click.option("--env", "variables", multiple=True, type=Variable(), metavar="KEY=VALUE", help="As WORKERS=1.")
@click.option("--scenario", "file", type=click.Path(path_type=Path), help="Instead of the file that the run was of.")
@click.option("--xhgui", metavar="URL", help="Import xhprof's profiles into the XHGui there, each once.")
@click.option("--xhgui-token", envvar="HYPERLEAK_XHGUI_TOKEN", default="", help="Its import token.", show_envvar=True)
@output_options
def diagnose(
    run: Path,
    tools: tuple[ToolName, ...] | None,
    endpoints: tuple[str, ...],
    requests: int | None,
    limit: float | None,
    variables: tuple[tuple[str, str], ...],
    file: Path | None,
    xhgui: str | None,
    xhgui_token: str,
    output: Output,
) -> int:
    """Ask outside tools about the endpoints of RUN (a run folder) that leak.

    Each tool gets two fresh targets: what grows with the number of requests is told.

    Exits with 0 where a tool told something, with 4 where none could.
    """
    verdict = _verdict(run)
    scenario = _scenario(verdict, file)
    given = {"tools": tools, "requests": requests, "limit_s": limit}
    plan = _plan(scenario, {name: value for name, value in given.items() if value is not None}, dict(variables))
    asked = _endpoints(verdict, endpoints)
    folder = RunFolder(run.resolve(), verdict.run_id)
    found = ask_tools(scenario, asked, plan, folder, output)
    if xhgui is not None:
        for said in import_profiles(folder.diagnosis, xhgui, xhgui_token):
            output.answer(said)
    output.document(found.model_dump(mode="json"))
    told = any(report.status == "told" for report in found.reports)
    return exit_codes.CLEAN if told else exit_codes.COULD_NOT_MEASURE


def _verdict(run: Path) -> Verdict:
    if not run.is_dir():
        raise InputError(f"{run} is not a run folder", hint="give the folder that `hyperleak run` has written")
    return read_record(run)


def _scenario(verdict: Verdict, given: Path | None) -> Scenario:
    """The file that the run was of, where it still is: what it points to is relative to it."""
    if given is not None:
        return load_scenario(given, os.environ)
    schedule = verdict.environment.get("schedule")
    source = schedule.get("source") if isinstance(schedule, dict) else None
    if not isinstance(source, str) or not Path(source).is_file():
        where = f"{source} is gone" if source else "this run has no note of it"
        raise InputError(f"the run's scenario can't be found: {where}", hint="name it with --scenario FILE")
    return load_scenario(Path(source), os.environ)


def _plan(scenario: Scenario, given: dict[str, Any], variables: dict[str, str]) -> DiagnosePlan:
    plan = (scenario.diagnose or DiagnosePlan()).model_copy(update=given)
    if not plan.tools:
        raise InputError("no tool is named", hint=f"--tool {','.join(TOOL_NAMES[:3])}, or `diagnose:` in the scenario")
    return plan.model_copy(update={"environment": plan.environment | variables})


def _endpoints(verdict: Verdict, given: tuple[str, ...]) -> list[str]:
    chosen = list(dict.fromkeys(given)) or leaking(verdict)
    if not chosen:
        raise InputError("no endpoint of this run leaks", hint="name one with --endpoint")
    return chosen
