"""What each outside tool says of five leaks of the resident app: `python -m tests.benchmark.second_opinions [FILE]`.

Real runs of the app as local processes, one worker, with the tools that this machine has. Prints one Markdown table.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from harness.diagnosing import diagnose
from harness.model.diagnosis import DiagnosePlan, Diagnosis, Suspect, ToolName, ToolReport
from harness.model.load import Endpoint, Request
from harness.model.scenario import Scenario
from harness.model.target import CommandSpec, ReadyCheck
from harness.units import format_duration
from tests.command import ROOT

SERVER = ROOT / "compose/resident/server.php"
CASES = {
    "GET /static?bytes=512": "552 B in a static property",
    "GET /closure?bytes=1024": "1 kB in a closure's scope",
    "GET /resource": "an open file",
    "GET /extension": "2,048 B of native memory",
    "GET /timer": "a timer that is never cleared",
}
PLAN = DiagnosePlan(
    tools=("valgrind", "massif", "xhprof", "memprof", "reli", "blackfire"),
    environment={"WORKERS": "1", "TASK_WORKERS": "0"},
    requests=50,
)
MOST_SAID = 2


def main() -> None:
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hyperleak-benchmark-") as folder:
        found = diagnose(
            _scenario(),
            list(CASES),
            PLAN,
            Diagnosis(run_id="second-opinions"),
            Path(folder),
            say=lambda text: print(text, file=sys.stderr),
            keep=lambda _so_far: None,
        )
    text = _table(found) + f"\n{_footer(found)} In all {format_duration(time.monotonic() - began_s)}.\n"
    print(text)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, encoding="utf-8")


def _scenario() -> Scenario:
    return Scenario(
        name="second-opinions",
        source=Path(__file__),
        target=CommandSpec(command=("php", str(SERVER)), cwd=ROOT, port=0, ready=ReadyCheck(path="/health")),
        endpoints=tuple(Endpoint(name=name, request=Request(path=name.split()[1])) for name in CASES),
    )


def _table(found: Diagnosis) -> str:
    tools = [tool for tool in PLAN.tools if any(r.tool == tool and r.status != "absent" for r in found.reports)]
    lines = [f"| leak | {' | '.join(tools)} |", "|---|" + "---|" * len(tools)]
    for name, what in CASES.items():
        cells = [_said(_report(found, tool, name)) for tool in tools]
        lines.append(f"| `{name}`: {what} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _said(report: ToolReport) -> str:
    if report.status != "told":
        return f"{report.status}: {report.message}".replace("|", "/")
    said = [
        f"`{' ← '.join(suspect.stack[:2]) or suspect.where}` {suspect.bytes_per_request:,.0f} B{_calls(suspect)}"
        for suspect in report.suspects[:MOST_SAID]
    ]
    return "<br>".join(said) or "nothing grew"


def _calls(suspect: Suspect) -> str:
    return "" if suspect.calls_per_request is None else f", {suspect.calls_per_request:.2f} calls"


def _footer(found: Diagnosis) -> str:
    absent = {r.tool: r.message for r in found.reports if r.status == "absent"}
    said = f"Each figure is for one request, from {PLAN.requests} and {2 * PLAN.requests} requests to fresh targets. "
    took = {tool: sum(r.took_s for r in found.reports if r.tool == tool) / len(CASES) for tool in PLAN.tools}
    said += (
        "Seconds a case: " + ", ".join(f"{tool} {took[tool]:.1f}" for tool in PLAN.tools if tool not in absent) + "."
    )
    return said + "".join(f" Absent: {tool} ({message})." for tool, message in absent.items())


def _report(found: Diagnosis, tool: ToolName, endpoint: str) -> ToolReport:
    return next(report for report in found.reports if (report.tool, report.endpoint) == (tool, endpoint))


if __name__ == "__main__":
    main()
