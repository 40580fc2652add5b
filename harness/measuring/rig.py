"""Everything that a run needs started: the target with the probe in it, what samples it, what drives it."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import DockerClient

import harness
from harness.errors import TargetError
from harness.history import RunFolder
from harness.load.generator import LocustGenerator, start_generator
from harness.load.poker import Poker
from harness.measuring.probing import ProbedMemory
from harness.measuring.session import SampleSink, Session
from harness.model.census import ProbeInjection
from harness.model.load import LoadSpec
from harness.model.samples import Sample, TraceHeader
from harness.model.scenario import Scenario
from harness.model.target import TargetHandle
from harness.sample.opening import open_sampler
from harness.sample.php_version import php_version
from harness.sample.probe import Probe, prepare_probe
from harness.sample.sampler import Sampler
from harness.target import RunLabels, RunningTarget, connect_engine, mark_owner, owner_labels, start_target

INSIDE = "/hyperleak-probe"
MOST_CONNECTIONS = 16
# A target that fails to start sooner than this is started again without the probe, which may be what it can't bear.
SECOND_START_WITHIN_S = 15.0


@dataclass(frozen=True)
class Rig:
    """A started target and its instruments. `memory` is the sampler, with the probe where there is one.

    `refusal` says why the target was started without the probe.
    """

    scenario: Scenario
    target: RunningTarget
    sampler: Sampler
    load: LocustGenerator
    probe: Probe | None
    memory: Sampler | ProbedMemory
    refusal: str = ""

    @property
    def is_probed(self) -> bool:
        return isinstance(self.memory, ProbedMemory) and self.memory.answered

    @property
    def load_spec(self) -> LoadSpec:
        return _load_spec(self.scenario, self.target.handle)

    @property
    def description(self) -> dict[str, Any]:
        """What is needed to compare or repeat the run."""
        handle = self.target.handle
        ours = {"hyperleak": harness.__version__, "python": platform.python_version(), "machine": platform.machine()}
        return {"kind": handle.kind, "base_url": handle.base_url, **handle.environment, **_php(self), **ours}

    @property
    def notes(self) -> tuple[str, ...]:
        """What this run could not have, and what would allow it."""
        return (*self.sampler.notes, *_probe_notes(self.scenario, self.memory, self.refusal))

    def header(self, *, looks: int) -> TraceHeader:
        plan = self.scenario.load
        return TraceHeader(
            endpoints=tuple(endpoint.name for endpoint in self.scenario.endpoints),
            target=self.description,
            schedule={
                "kind": plan.profile,
                "seed": self.scenario.seed,
                "window_s": plan.window_s,
                "rate": plan.rate,
                "users": plan.users,
                "workers": plan.workers + plan.remote_workers,
                "drained": True,
                "looks": looks,
                "threshold_bytes": self.scenario.threshold_bytes,
                "confidence": self.scenario.confidence,
                "estimator": self.scenario.estimator,
                "confirm_requests": plan.confirm_requests,
                "channels": list(self.sampler.channels),
                "source": str(self.scenario.source.resolve()),
                "requests": [f"{e.request.method} {e.request.path}" for e in self.scenario.endpoints],
                "expect": dict(self.scenario.expect),
                **_production(self.scenario),
            },
            notes=self.sampler.notes,
        )

    def session(
        self,
        sink: SampleSink,
        header: TraceHeader,
        *,
        stop_asked: Callable[[], bool],
        observe: Callable[[Sample], None],
    ) -> Session:
        """A session on this target, by the scenario's rate and times; its samples go to `sink`."""
        return Session(
            load=self.load,
            memory=self.memory,
            sink=sink,
            header=header,
            target_state=self.target.state,
            stop_asked=stop_asked,
            observe=observe,
            rate=self.scenario.load.rate,
            settle_timeout_s=self.scenario.sampling.settle_timeout_s,
            request_timeout_s=self.scenario.load.request_timeout_s,
        )


def open_rig(scenario: Scenario, folder: RunFolder, phase: Callable[[str], None], stack: ExitStack) -> Rig:
    """Starts everything; `stack` ends it again, in reverse order. Raises MeasureError, InputError."""
    phase("starting the target")
    labels = RunLabels(run_id=folder.run_id, scenario=scenario.name)
    mark_owner(folder.path, labels)
    client = None if scenario.target.kind == "command" else stack.enter_context(closing(connect_engine()))
    target, injection, refusal = _start(scenario, _prepare(scenario, labels, stack), labels, folder, client)
    stack.enter_context(target)
    sampler = stack.enter_context(
        open_sampler(target.handle, heap=scenario.sampling.heap, client=client, labels=owner_labels(labels))
    )
    probe = stack.enter_context(Probe(injection)) if injection and target.handle.root_pid else None
    memory = _probed(scenario, target.handle, sampler, probe, stack) if probe else sampler
    phase("starting the load generator")
    load = stack.enter_context(start_generator(_load_spec(scenario, target.handle), log_dir=folder.logs))
    return Rig(scenario, target, sampler, load, probe, memory, refusal)


def _start(
    scenario: Scenario,
    injection: ProbeInjection | None,
    labels: RunLabels,
    folder: RunFolder,
    client: DockerClient | None,
) -> tuple[RunningTarget, ProbeInjection | None, str]:
    """The target, the probe that it has, and why it has none where it refused to start with one."""
    began_s = time.monotonic()
    spec = scenario.target.model_copy(update={"injection": injection})
    try:
        return start_target(spec, labels, log_dir=folder.logs, client=client), injection, ""
    except TargetError as error:
        if injection is None or time.monotonic() - began_s > SECOND_START_WITHIN_S:
            raise
        bare = start_target(scenario.target, labels, log_dir=folder.logs, client=client)
        return bare, None, f"with it the target did not start: {error.message.splitlines()[0]}"


def _prepare(scenario: Scenario, labels: RunLabels, stack: ExitStack) -> ProbeInjection | None:
    """The probe's folder, in the system's folder for temporary files until the run ends."""
    if not (scenario.sampling.probe and scenario.sampling.heap):
        return None
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"hyperleak-{labels.slug}-probe-")))
    mark_owner(folder, labels)
    inside = None if scenario.target.kind == "command" else INSIDE
    return prepare_probe(folder, signal=scenario.sampling.probe_signal, inside=inside)


def _probed(scenario: Scenario, handle: TargetHandle, sampler: Sampler, probe: Probe, stack: ExitStack) -> ProbedMemory:
    connections = min(MOST_CONNECTIONS, 2 * max(1, len(sampler.heap_bytes())))
    poker = stack.enter_context(closing(Poker(_load_spec(scenario, handle), scenario.target.ready.path, connections)))
    return ProbedMemory(sampler, probe, poker)


def _probe_notes(scenario: Scenario, memory: Sampler | ProbedMemory, refusal: str) -> list[str]:
    lost = "so garbage isn't collected before a sample, and holders aren't named"
    if not isinstance(memory, ProbedMemory):
        if not scenario.sampling.heap:
            return []
        elsewhere = refusal or "the target runs on another machine"
        why = elsewhere if scenario.sampling.probe else "sampling.probe is false"
        return [f"the probe was not used ({why}), {lost}"]
    if not memory.answered:
        reasons = "; ".join(sorted(set(memory.reasons.values()))) or "no PHP process was found"
        return [f"the probe answered in no process ({reasons}), {lost}"]
    silent: dict[str, list[int]] = {}
    for pid, reason in sorted(memory.reasons.items()):
        silent.setdefault(reason, []).append(pid)
    return [f"the probe in {_processes(pids)}: {reason}" for reason, pids in silent.items()]


def _processes(pids: list[int]) -> str:
    return f"process {pids[0]}" if len(pids) == 1 else f"{len(pids)} processes ({', '.join(map(str, pids))})"


def _php(rig: Rig) -> dict[str, Any]:
    """The target's PHP, as far as its heaps are read; the program only where it is one of this machine."""
    pids = list(rig.sampler.heap_bytes()) if rig.scenario.sampling.heap else []
    version = php_version(pids) if rig.target.handle.root_pid else None
    return {"php_processes": len(pids)} | ({"php_version": version} if version else {}) if pids else {}


def _production(scenario: Scenario) -> dict[str, Any]:
    """The traffic that reports tell a leak's days and limits for, and each endpoint's share of it."""
    if scenario.production is None:
        return {}
    weights = [endpoint.weight for endpoint in scenario.endpoints]
    shares = [round(weight / sum(weights), 6) for weight in weights]
    return {"production": {"rate": scenario.production.rate, "shares": shares}}


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
