"""Outside tools on a run's guilty endpoints: asked, kept in its folder and shown."""

from __future__ import annotations

from collections.abc import Callable

from harness.cli.output import Output
from harness.diagnosing import diagnose
from harness.dossier import write_page
from harness.errors import HyperleakError, Interrupted
from harness.history import RunFolder, read_diagnosis
from harness.model.diagnosis import DiagnosePlan, Diagnosis
from harness.model.scenario import Scenario
from harness.model.verdict import Verdict
from harness.report.diagnosis import render_diagnosis


def leaking(verdict: Verdict) -> list[str]:
    return [endpoint.name for endpoint in verdict.endpoints if endpoint.verdict == "leak"]


def ask_tools(
    scenario: Scenario,
    endpoints: list[str],
    plan: DiagnosePlan,
    folder: RunFolder,
    output: Output,
    stop_asked: Callable[[], bool] = lambda: False,
) -> Diagnosis:
    """What the tools say now; the run's folder keeps it beside what it has from before, and its page shows all.

    Raises InputError, StorageError, Interrupted.
    """
    before = read_diagnosis(folder.path) or Diagnosis(run_id=folder.run_id)
    asked = Diagnosis(run_id=folder.run_id)

    def keep(so_far: Diagnosis) -> None:
        folder.write_diagnosis(before.merged(so_far))

    found = diagnose(scenario, endpoints, plan, asked, folder.path, say=output.say, keep=keep, stop_asked=stop_asked)
    write_page(folder.path)
    output.answer(render_diagnosis(found))
    return found


def ask_after_run(
    scenario: Scenario, verdict: Verdict, folder: RunFolder, output: Output, stop_asked: Callable[[], bool]
) -> None:
    """What the scenario's `diagnose` asks for; whatever happens to a tool, the run's verdict stands."""
    found = leaking(verdict)
    if scenario.diagnose is None or not found or stop_asked():
        return
    try:
        ask_tools(scenario, found, scenario.diagnose, folder, output, stop_asked)
    except Interrupted:
        raise
    except HyperleakError as error:
        output.answer(f"No second opinions, the verdict stands: {error}")
