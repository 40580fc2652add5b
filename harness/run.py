"""One scenario, from starting its target to the record of its verdict."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.analysis.attribute import analyse
from harness.analysis.decide import Settings
from harness.analysis.merge import with_names, with_screening
from harness.analysis.screening import screen_verdict
from harness.dossier import keep_page
from harness.errors import Interrupted, MeasureError
from harness.history import RunFolder, new_run
from harness.measuring.conduct import Conductor
from harness.measuring.driving import LOOKS
from harness.measuring.naming import Namer
from harness.measuring.rig import Rig, open_rig
from harness.measuring.screen import ScreenWatcher, screening_of
from harness.measuring.screening import Budget
from harness.measuring.session import Session
from harness.measuring.timing import with_times
from harness.model.samples import Sample
from harness.model.scenario import Scenario
from harness.model.screen import ScreenHeader, ScreenRecording
from harness.model.target import TargetState
from harness.model.verdict import Naming, Verdict
from harness.sample.recorder import Recorder, ScreenRecorder

SCREENING = "screening, one request at a time"


@dataclass(frozen=True)
class Watcher:
    """Who looks on: `phase` is told what begins, `sample` each settled sample, `look` each interim verdict.

    `measured` is called when nothing more is measured, before what was started is removed. `heaps` is told the bytes of
    all heaps together where they are read between samples.
    """

    phase: Callable[[str], None]
    sample: Callable[[Sample], None]
    look: Callable[[Verdict], None]
    stop_asked: Callable[[], bool]
    measured: Callable[[], None]
    heaps: Callable[[int], None] = lambda _total_bytes: None


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
    return Settings(
        threshold_bytes=scenario.threshold_bytes,
        confidence=scenario.confidence,
        looks=len(LOOKS),
        confirm_requests=scenario.load.confirm_requests,
        estimator=scenario.estimator,
    )


def run_scenario(scenario: Scenario, results: Path, watcher: Watcher) -> RunResult:
    """Runs `scenario` and keeps all of it in a new folder under `results`. Raises MeasureError, Interrupted."""
    return run_in_folder(new_run(results, scenario.name, scenario.source), scenario, watcher)


def run_in_folder(folder: RunFolder, scenario: Scenario, watcher: Watcher) -> RunResult:
    """The same in a folder that is there already, with its `logs` in it. Raises MeasureError, Interrupted."""
    try:
        return _run_in(folder, scenario, watcher)
    except KeyboardInterrupt as stop:
        raise Interrupted(
            f"stopped at once; what there is is kept in {folder.path}", hint=_what_is_kept(folder)
        ) from stop
    except MeasureError as error:
        error.hint = "; ".join(part for part in (error.hint, _what_is_kept(folder)) if part)
        raise


def _what_is_kept(folder: RunFolder) -> str:
    """What to do with a run that broke off."""
    return f"`hyperleak analyze {folder.path}` reads what was measured" if folder.samples.exists() else ""


def _run_in(folder: RunFolder, scenario: Scenario, watcher: Watcher) -> RunResult:
    folder.keep_scenario(scenario.source)
    with ExitStack() as stack:
        rig = open_rig(scenario, folder, watcher.phase, stack)
        header = rig.header(looks=len(LOOKS))
        sink = stack.enter_context(Recorder(folder.samples, header))
        session = rig.session(sink, header, stop_asked=watcher.stop_asked, observe=watcher.sample)
        session.begin()
        began_s = time.monotonic()
        screened = _screen(rig, folder, watcher)
        screening_s = time.monotonic() - began_s if screened else 0.0
        names = _name(rig, _growing(screened), watcher) if screened else {}
        conductor = _drive(rig, session, watcher, screened)
        verdict = analyse(session.recording, settings_of(scenario), run_id=folder.run_id)
        if not session.stopped():
            names |= _name(rig, _unnamed(verdict, names), watcher)
        watcher.measured()
        log_tail = rig.target.logs_tail(20) if session.ended else ""
        notes = rig.notes
    verdict = with_times(verdict, conductor.looks, conductor.stages(screening_s))
    if screened is not None:
        verdict = with_screening(verdict, screened)
    if names:
        folder.write_names(names)
    verdict = with_names(verdict, names).model_copy(update={"notes": tuple(dict.fromkeys((*verdict.notes, *notes)))})
    folder.write_record(verdict)
    keep_page(folder.path)
    return RunResult(folder, scenario, verdict, session.ended, log_tail, watcher.stop_asked())


def _screen(rig: Rig, folder: RunFolder, watcher: Watcher) -> Verdict | None:
    """The first stage; None where it is switched off or no heap can be read."""
    plan, settings = rig.scenario.screening, settings_of(rig.scenario)
    chosen = [e for e, endpoint in enumerate(rig.scenario.endpoints) if endpoint.screen]
    if not (plan.enabled and chosen and rig.sampler.heap_bytes()):
        return None
    watcher.phase(SCREENING)
    header = ScreenHeader(
        endpoints=tuple(endpoint.name for endpoint in rig.scenario.endpoints),
        target=rig.description,
        seed=rig.scenario.seed,
    )

    def look(recording: ScreenRecording) -> None:
        watcher.look(screen_verdict(recording, settings))
        watcher.heaps(sum(rig.sampler.heap_bytes().values()))

    with ScreenRecorder(folder.screening, header) as sink:
        told = ScreenWatcher(look=look, stop_asked=watcher.stop_asked)
        budget = Budget(plan.requests, plan.budget_s)
        screening = screening_of(rig.load_spec, rig.sampler, settings, budget, told, header, sink)
        recording = screening.perform(chosen)
    return screen_verdict(recording, settings)


def _drive(rig: Rig, session: Session, watcher: Watcher, screened: Verdict | None) -> Conductor:
    watcher.phase("measuring under load")
    conductor = Conductor(
        rig.scenario,
        session,
        settings_of(rig.scenario),
        heap="php_heap" in rig.sampler.channels,
        looked=watcher.look,
        memory_limit_bytes=rig.target.handle.memory_limit_bytes,
        screened=screened,
    )
    conductor.perform()
    return conductor


def _growing(screened: Verdict) -> dict[str, float]:
    """Bytes a request of what keeps memory in the screening: named at once, while a walk of the heap is short."""
    typical = ((endpoint.name, endpoint.typical_bytes_per_request or 0.0) for endpoint in screened.endpoints)
    return {name: size for name, size in typical if size > 0}


def _unnamed(verdict: Verdict, names: dict[str, Naming]) -> dict[str, float]:
    """Bytes a request of the leaks on the PHP heap whose holder isn't known yet."""
    leaks = [e for e in verdict.endpoints if e.verdict == "leak" and e.channel == "php_heap"]
    return {e.name: e.bytes_per_request for e in leaks if not (e.name in names and names[e.name].holders)}


def _name(rig: Rig, suspects: dict[str, float], watcher: Watcher) -> dict[str, Naming]:
    """What holds the memory of the suspects (bytes a request, by name), where the probe works."""
    if not (rig.probe and rig.is_probed and suspects):
        return {}
    watcher.phase("naming what holds the memory")
    namer = Namer(rig.load_spec, rig.scenario.target.ready.path, rig.sampler, rig.probe)
    places = {endpoint.name: e for e, endpoint in enumerate(rig.scenario.endpoints)}
    found = {}
    for name, size in suspects.items():
        if watcher.stop_asked():
            break
        found[name] = namer.name(places[name], size).naming
    return found
