"""One scenario, from starting its target to the record of its verdict."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.analysis.attribute import analyse
from harness.analysis.decide import Settings
from harness.analysis.merge import with_names, with_screening
from harness.analysis.screening import screen_verdict
from harness.conduct import LOOKS, Conductor
from harness.errors import Interrupted
from harness.history import RunFolder, new_run
from harness.model.samples import Sample, TraceHeader
from harness.model.scenario import Scenario
from harness.model.screen import ScreenHeader, ScreenRecording
from harness.model.target import TargetState
from harness.model.verdict import Naming, Verdict
from harness.naming import Namer
from harness.rig import Rig, open_rig
from harness.sample.recorder import Recorder, ScreenRecorder
from harness.screen import ScreenWatcher, screen
from harness.screening import Budget
from harness.session import Session


@dataclass(frozen=True)
class Watcher:
    """Who looks on: `phase` is told what begins, `sample` each settled sample, `look` each interim verdict.

    `measured` is called when nothing more is measured, before what was started is removed.
    """

    phase: Callable[[str], None]
    sample: Callable[[Sample], None]
    look: Callable[[Verdict], None]
    stop_asked: Callable[[], bool]
    measured: Callable[[], None]


@dataclass(frozen=True)
class RunResult:
    """`ended` tells how a target that died had ended, `log_tail` its last words; the verdict stands on what was before.

    `interrupted`: the user stopped the run early, at the end of a window.
    """

    folder: RunFolder
    scenario: Scenario
    verdict: Verdict
    ended: TargetState | None = None
    log_tail: str = ""
    interrupted: bool = False


def settings_of(scenario: Scenario) -> Settings:
    return Settings(scenario.threshold_bytes, scenario.confidence, looks=len(LOOKS))


def run_scenario(scenario: Scenario, results: Path, watcher: Watcher) -> RunResult:
    """Runs `scenario` and keeps all of it in a new folder under `results`. Raises MeasureError, Interrupted."""
    folder = new_run(results, scenario.name, scenario.source)
    try:
        return _run_in(folder, scenario, watcher)
    except KeyboardInterrupt as stop:
        hint = f"`hyperleak analyze {folder.path}` reads what was measured" if folder.samples.exists() else ""
        raise Interrupted(f"stopped at once; what there is is kept in {folder.path}", hint=hint) from stop


def _run_in(folder: RunFolder, scenario: Scenario, watcher: Watcher) -> RunResult:
    with ExitStack() as stack:
        rig = open_rig(scenario, folder, watcher.phase, stack)
        header = rig.header(looks=len(LOOKS))
        sink = stack.enter_context(Recorder(folder.samples, header))
        session = _session(rig, sink, header, watcher)
        session.begin()
        screening = _screen(rig, folder, watcher)
        _drive(rig, session, watcher)
        verdict = analyse(session.recording, settings_of(scenario), run_id=folder.run_id)
        names = {} if session.stopped() else _name(rig, verdict, watcher)
        watcher.measured()
        log_tail = rig.target.logs_tail(20) if session.ended else ""
        notes = rig.notes
    if screening is not None:
        verdict = with_screening(verdict, screen_verdict(screening, settings_of(scenario)))
    if names:
        folder.write_names(names)
    verdict = with_names(verdict, names).model_copy(update={"notes": tuple(dict.fromkeys((*verdict.notes, *notes)))})
    folder.write_record(verdict)
    return RunResult(folder, scenario, verdict, session.ended, log_tail, watcher.stop_asked())


def _session(rig: Rig, sink: Recorder, header: TraceHeader, watcher: Watcher) -> Session:
    return Session(
        load=rig.load,
        memory=rig.memory,
        sink=sink,
        header=header,
        target_state=rig.target.state,
        stop_asked=watcher.stop_asked,
        observe=watcher.sample,
        rate=rig.scenario.load.rate,
        settle_timeout_s=rig.scenario.sampling.settle_timeout_s,
        request_timeout_s=rig.scenario.load.request_timeout_s,
    )


def _screen(rig: Rig, folder: RunFolder, watcher: Watcher) -> ScreenRecording | None:
    """The first stage; None where it is switched off or no heap can be read."""
    plan, settings = rig.scenario.screening, settings_of(rig.scenario)
    chosen = [e for e, endpoint in enumerate(rig.scenario.endpoints) if endpoint.screen]
    if not (plan.enabled and chosen and rig.sampler.heap_bytes()):
        return None
    watcher.phase("screening, one request at a time")
    header = ScreenHeader(
        endpoints=tuple(endpoint.name for endpoint in rig.scenario.endpoints),
        target=rig.description,
        seed=rig.scenario.seed,
    )

    def look(recording: ScreenRecording) -> None:
        watcher.look(screen_verdict(recording, settings))

    with ScreenRecorder(folder.screening, header) as sink:
        told = ScreenWatcher(look=look, stop_asked=watcher.stop_asked)
        budget = Budget(plan.requests, plan.budget_s)
        return screen(rig.load_spec, chosen, rig.sampler, settings, budget, told, header, sink)


def _drive(rig: Rig, session: Session, watcher: Watcher) -> None:
    watcher.phase("measuring under load")
    Conductor(
        rig.scenario,
        session,
        settings_of(rig.scenario),
        heap="php_heap" in rig.sampler.channels,
        looked=watcher.look,
        memory_limit_bytes=rig.target.handle.memory_limit_bytes,
    ).perform()


def _name(rig: Rig, verdict: Verdict, watcher: Watcher) -> dict[str, Naming]:
    """The last stage: what holds the memory of each endpoint that leaks on the PHP heap, where the probe works."""
    guilty = [(e, v) for e, v in enumerate(verdict.endpoints) if v.verdict == "leak" and v.channel == "php_heap"]
    if not (rig.probe and rig.is_probed and guilty):
        return {}
    watcher.phase("naming what holds the memory")
    namer = Namer(rig.load_spec, rig.scenario.target.ready.path, rig.sampler, rig.probe)
    return {found.name: namer.name(e, found.bytes_per_request).naming for e, found in guilty}
