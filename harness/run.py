"""One scenario, from starting its target to the record of its verdict."""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness
from harness.analysis.attribute import analyse
from harness.analysis.decide import Settings
from harness.analysis.merge import with_screening
from harness.analysis.screening import screen_verdict
from harness.conduct import LOOKS, Conductor
from harness.history import RunFolder, new_run
from harness.load.generator import LocustGenerator, start_generator
from harness.model.load import LoadSpec
from harness.model.samples import Sample, TraceHeader
from harness.model.scenario import Scenario
from harness.model.screen import ScreenHeader, ScreenRecording
from harness.model.target import TargetHandle, TargetState
from harness.model.verdict import Verdict
from harness.sample.opening import open_sampler
from harness.sample.recorder import Recorder, ScreenRecorder
from harness.sample.sampler import Sampler
from harness.screen import ScreenWatcher, screen
from harness.screening import Budget
from harness.session import Session
from harness.target import RunLabels, RunningTarget, connect_engine, mark_owner, owner_labels, start_target


@dataclass(frozen=True)
class Watcher:
    """Who looks on: `phase` is told what begins, `sample` each settled sample, `look` each interim verdict."""

    phase: Callable[[str], None]
    sample: Callable[[Sample], None]
    look: Callable[[Verdict], None]
    stop_asked: Callable[[], bool]


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
    """Runs `scenario` and keeps all of it in a new folder under `results`. Raises MeasureError."""
    folder = new_run(results, scenario.name, scenario.source)
    log_tail = ""
    with ExitStack() as stack:
        watcher.phase("starting the target")
        labels = RunLabels(run_id=folder.run_id, scenario=scenario.name)
        mark_owner(folder.path, labels)
        client = None if scenario.target.kind == "command" else stack.enter_context(closing(connect_engine()))
        target = stack.enter_context(start_target(scenario.target, labels, log_dir=folder.logs, client=client))
        sampler = stack.enter_context(
            open_sampler(target.handle, heap=scenario.sampling.heap, client=client, labels=owner_labels(labels))
        )
        watcher.phase("starting the load generator")
        load = stack.enter_context(start_generator(_load_spec(scenario, target.handle), log_dir=folder.logs))
        header = _header(scenario, target.handle, sampler)
        sink = stack.enter_context(Recorder(folder.samples, header))
        session = _session(scenario, load, sampler, sink, header, target, watcher)
        session.begin()
        screening = _screen(scenario, target.handle, sampler, folder, watcher)
        _drive(scenario, session, sampler, target.handle, watcher)
        if session.ended:
            log_tail = target.logs_tail(20)
    verdict = analyse(session.recording, settings_of(scenario), run_id=folder.run_id)
    if screening is not None:
        verdict = with_screening(verdict, screen_verdict(screening, settings_of(scenario)))
    folder.write_record(verdict)
    return RunResult(folder, scenario, verdict, session.ended, log_tail, watcher.stop_asked())


def _screen(
    scenario: Scenario, handle: TargetHandle, sampler: Sampler, folder: RunFolder, watcher: Watcher
) -> ScreenRecording | None:
    """The first stage; None where it is switched off or no heap can be read."""
    chosen = [e for e, endpoint in enumerate(scenario.endpoints) if endpoint.screen]
    if not (scenario.screening.enabled and chosen and sampler.heap_bytes()):
        return None
    watcher.phase("screening, one request at a time")
    header = ScreenHeader(
        endpoints=tuple(endpoint.name for endpoint in scenario.endpoints),
        target={"kind": handle.kind, "base_url": handle.base_url, **handle.environment, **_environment()},
        seed=scenario.seed,
    )
    settings, budget = settings_of(scenario), Budget(scenario.screening.requests, scenario.screening.budget_s)

    def look(recording: ScreenRecording) -> None:
        watcher.look(screen_verdict(recording, settings))

    with ScreenRecorder(folder.screening, header) as sink:
        told = ScreenWatcher(look=look, stop_asked=watcher.stop_asked)
        return screen(_load_spec(scenario, handle), chosen, sampler, settings, budget, told, header, sink)


def _drive(scenario: Scenario, session: Session, sampler: Sampler, handle: TargetHandle, watcher: Watcher) -> None:
    watcher.phase("measuring under load")
    Conductor(
        scenario,
        session,
        settings_of(scenario),
        heap="php_heap" in sampler.channels,
        looked=watcher.look,
        memory_limit_bytes=handle.memory_limit_bytes,
    ).perform()


def _session(
    scenario: Scenario,
    load: LocustGenerator,
    sampler: Sampler,
    sink: Recorder,
    header: TraceHeader,
    target: RunningTarget,
    watcher: Watcher,
) -> Session:
    return Session(
        load=load,
        memory=sampler,
        sink=sink,
        header=header,
        target_state=target.state,
        stop_asked=watcher.stop_asked,
        observe=watcher.sample,
        rate=scenario.load.rate,
        settle_timeout_s=scenario.sampling.settle_timeout_s,
        request_timeout_s=scenario.load.request_timeout_s,
    )


def _load_spec(scenario: Scenario, handle: TargetHandle) -> LoadSpec:
    plan = scenario.load
    return LoadSpec(
        base_url=handle.base_url,
        endpoints=scenario.endpoints,
        login=scenario.login,
        users=plan.users,
        request_timeout_s=plan.request_timeout_s,
        seed=scenario.seed,
        workers=plan.workers,
        remote_workers=plan.remote_workers,
        bind=plan.bind,
        bind_port=plan.bind_port,
    )


def _header(scenario: Scenario, handle: TargetHandle, sampler: Sampler) -> TraceHeader:
    """What is needed to analyse the samples again, to compare the run with another, and to repeat it."""
    plan = scenario.load
    return TraceHeader(
        endpoints=tuple(endpoint.name for endpoint in scenario.endpoints),
        target={"kind": handle.kind, "base_url": handle.base_url, **handle.environment, **_environment()},
        schedule={
            "kind": plan.profile,
            "seed": scenario.seed,
            "window_s": plan.window_s,
            "rate": plan.rate,
            "users": plan.users,
            "workers": plan.workers + plan.remote_workers,
            "drained": True,
            "looks": len(LOOKS),
            "threshold_bytes": scenario.threshold_bytes,
            "confidence": scenario.confidence,
            "channels": list(sampler.channels),
        },
        notes=sampler.notes,
    )


def _environment() -> dict[str, Any]:
    return {"hyperleak": harness.__version__, "python": platform.python_version(), "machine": platform.machine()}
