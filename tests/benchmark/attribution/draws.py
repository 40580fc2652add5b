"""One draw of a cell: the app driven by the real conductor, and recorded for the competitors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from harness.analysis.attribute import analyse
from harness.analysis.decide import Settings
from harness.analysis.randomisation import REACHED
from harness.measuring.conduct import Conductor
from harness.measuring.driving import LOOKS
from harness.measuring.session import Session
from harness.model.load import Endpoint, Request
from harness.model.samples import Sample, TraceHeader
from harness.model.scenario import LoadPlan, Scenario
from harness.model.target import ImageSpec
from harness.model.verdict import EndpointVerdict, Verdict
from tests.benchmark.attribution.cells import MEMORY_LIMIT_BYTES, Cell
from tests.benchmark.attribution.claims import Claim, Judged, Truth, judge
from tests.benchmark.attribution.rivals import (
    OURS,
    OURS_GLS,
    OURS_REDRAWN,
    OURS_RESIDENT,
    OURS_RESIDENT_GLS,
    rival_claims,
)
from tests.benchmark.attribution.series import Floats, RivalRecordings, Series
from tests.benchmark.attribution.simulated import Keeps, SimulatedService

CONFIDENCE = 0.99
WINDOW_S = 0.5
WARMUP = 50
READINGS_PER_S = 20.0
MIXED_READINGS_PER_S = 2.0
CLEARED = ("clean", "bounded", "garbage")

# Seconds and requests so far, and the outcome of each endpoint.
Look = tuple[float, int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Conducted:
    """A run of ours: its verdict, and the seconds and requests after which that verdict stood and didn't change again.

    `run_s` is the whole of it. `smooth` makes the verdict of generalised least squares of the same recording.
    `truths` are what the service had really kept.
    """

    verdict: Verdict
    smooth: Callable[[], Verdict]
    decided_s: float
    decided_requests: int
    run_s: float
    truths: tuple[Truth, ...]


class Unkept:
    def write(self, sample: Sample) -> None:
        pass


def seed_of(cell: Cell, number: int) -> int:
    """Follows from the cell's name and the draw's number alone."""
    return int.from_bytes(hashlib.sha256(f"{cell.name} {number}".encode()).digest()[:8])


def draw_cell(cell: Cell, number: int, *, rivals: bool) -> Mapping[str, Judged]:
    """What each method made of the draw. `rivals` False leaves out the competitors, the other estimator and test."""
    seed = seed_of(cell, number)
    run = conducted(cell, seed, heap=cell.heap)
    judged = _of_ours(run, heap=cell.heap, others=rivals)
    if cell.heap:
        judged |= _of_ours(conducted(cell, seed, heap=False), heap=False, others=rivals)
    if rivals:
        recorded = recordings(cell, seed, run.run_s)
        for method, claims in rival_claims(recorded, cell.threshold_bytes, CONFIDENCE).items():
            requests = recorded.mix.sent
            judged[method] = judge(claims, run.truths, seconds=run.run_s, requests=requests)
    return judged


def _of_ours(run: Conducted, *, heap: bool, others: bool) -> dict[str, Judged]:
    """The run as it decided; with the `others` what the other estimator and the other test make of its recording."""
    if not others:
        return {OURS if heap else OURS_RESIDENT: judge_run(run)}
    smooth = judge_run(replace(run, verdict=run.smooth(), decided_s=run.run_s))
    if not heap:
        return {OURS_RESIDENT: judge_run(run), OURS_RESIDENT_GLS: smooth}
    return {
        OURS: judge_run(run),
        OURS_GLS: smooth,
        OURS_REDRAWN: judge_run(replace(run, verdict=confirmed(run.verdict))),
    }


def judge_run(run: Conducted) -> Judged:
    """A run that calls nobody guilty but says that the mix leaks is a false alarm too, where nothing does."""
    claims = [claim_of(found) for found in run.verdict.endpoints]
    told = judge(claims, run.truths, seconds=run.decided_s, requests=run.decided_requests)
    unfounded = run.verdict.outcome == "leak" and not any(claim.leak for claim in claims) and not told.leaking
    if not unfounded:
        return told
    return Judged(**{name: getattr(told, name) for name in Judged.__slots__} | {"false_alarms": 1})


def confirmed(verdict: Verdict) -> Verdict:
    """Without the leaks that the randomisation test doesn't confirm, where the design let it."""
    endpoints = tuple(
        found.model_copy(update={"verdict": "inconclusive"})
        if found.verdict == "leak" and (found.randomisation_p_value or 0.0) > REACHED
        else found
        for found in verdict.endpoints
    )
    nobody_left = endpoints != verdict.endpoints and all(found.verdict != "leak" for found in endpoints)
    return verdict.model_copy(
        update={"endpoints": endpoints, "outcome": "inconclusive" if nobody_left else verdict.outcome}
    )


def claim_of(found: EndpointVerdict) -> Claim:
    given = max(abs(limit) for limit in found.ci95) < 2**52
    return Claim(
        leak=found.verdict == "leak",
        bytes_per_request=found.bytes_per_request,
        ci95=found.ci95 if given else None,
        cleared=found.verdict in CLEARED,
    )


def conducted(cell: Cell, seed: int, *, heap: bool) -> Conducted:
    service = service_of(cell, seed, heap=heap)
    scenario = scenario_of(cell, seed)
    settings = Settings(cell.threshold_bytes, CONFIDENCE, len(LOOKS), scenario.load.confirm_requests)
    session = session_of(service, scenario)
    looks: list[Look] = []

    def looked(verdict: Verdict) -> None:
        looks.append((session.elapsed_s, sum(session.samples[-1].requests), _outcomes(verdict)))

    session.begin()
    Conductor(scenario, session, settings, heap=heap, looked=looked, memory_limit_bytes=MEMORY_LIMIT_BYTES).perform()
    verdict = analyse(session.recording, settings)
    smooth = partial(analyse, session.recording, replace(settings, estimator="gls"))
    run_s, requests = session.elapsed_s, sum(session.samples[-1].requests)
    decided_s, decided_requests = _stood_from(looks, _outcomes(verdict)) or (run_s, requests)
    truths = truths_of(service, cell.threshold_bytes)
    return Conducted(verdict, smooth, decided_s, decided_requests, run_s, truths)


def truths_of(service: SimulatedService, threshold_bytes: float) -> tuple[Truth, ...]:
    return tuple(
        Truth(keeps.mean_bytes > threshold_bytes, service.true_bytes_per_request(e))
        for e, keeps in enumerate(service.endpoints)
    )


def service_of(cell: Cell, seed: int, *, heap: bool) -> SimulatedService:
    endpoints = cell.app(np.random.default_rng(seed))
    return SimulatedService(endpoints, cell.noise, seed, heap=heap, warmup=WARMUP)


def scenario_of(cell: Cell, seed: int) -> Scenario:
    return Scenario(
        name=cell.name,
        source=Path("simulated.yaml"),
        target=ImageSpec(image="simulated", port=1),
        load=LoadPlan(rate=cell.rate, window_s=WINDOW_S, budget_s=cell.budget_s, warmup_requests=WARMUP),
        endpoints=tuple(
            Endpoint(name=f"GET /{number}", request=Request(path=f"/{number}")) for number in range(cell.endpoints)
        ),
        threshold_bytes=cell.threshold_bytes,
        confidence=CONFIDENCE,
        seed=seed % 2**31,
    )


def session_of(service: SimulatedService, scenario: Scenario) -> Session:
    return Session(
        load=service,
        memory=service,
        sink=Unkept(),
        header=TraceHeader(endpoints=tuple(endpoint.name for endpoint in scenario.endpoints)),
        target_state=service.state,
        stop_asked=lambda: False,
        observe=lambda sample: None,
        rate=scenario.load.rate,
        settle_timeout_s=1.0,
        request_timeout_s=30.0,
        clock=service.clock,
        sleep=service.sleep,
    )


def recordings(cell: Cell, seed: int, budget_s: float) -> RivalRecordings:
    """The same app as often as the competitors need it, each time for `budget_s` seconds of load in all."""
    endpoints = cell.app(np.random.default_rng(seed))
    each_s = budget_s / len(endpoints)
    before = [keeps.before_it_leaked() for keeps in endpoints]
    return RivalRecordings(
        mix=_mixed(cell, endpoints, seed, budget_s),
        alone=_each_alone(cell, endpoints, seed, each_s),
        before=_each_alone(cell, before, seed + 1, each_s),
        memory_limit_bytes=MEMORY_LIMIT_BYTES,
    )


def _mixed(cell: Cell, endpoints: Sequence[Keeps], seed: int, budget_s: float) -> Series:
    service = _warm(cell, endpoints, seed)
    shares = np.full(len(endpoints), 1.0 / len(endpoints))
    step_s = 1.0 / MIXED_READINGS_PER_S
    steps = max(2, round(budget_s / step_s))
    counts = service.draw.multinomial(round(cell.rate * step_s), shares, size=steps).astype(float)
    return _served(service, counts, step_s)


def _each_alone(cell: Cell, endpoints: Sequence[Keeps], seed: int, each_s: float) -> tuple[Series, ...]:
    """One after another in the same service, as nobody restarts it in between."""
    service = _warm(cell, endpoints, seed)
    steps = max(2, round(each_s * READINGS_PER_S))
    found: list[Series] = []
    for endpoint in range(len(endpoints)):
        counts = np.zeros((steps, len(endpoints)))
        counts[:, endpoint] = round(cell.rate / READINGS_PER_S)
        found.append(_served(service, counts, 1.0 / READINGS_PER_S))
    return tuple(found)


def _served(service: SimulatedService, counts: Floats, step_s: float) -> Series:
    began_s = service.now_s
    readings = [(0.0, float(service.resident_bytes()))]
    for row in counts:
        service.serve(row, step_s)
        readings.append((service.now_s - began_s, float(service.resident_bytes())))
    elapsed_s, resident_bytes = np.array(readings).T
    sent = np.vstack([np.zeros(counts.shape[1]), np.cumsum(counts, axis=0)])
    return Series(elapsed_s, resident_bytes, sent)


def _warm(cell: Cell, endpoints: Sequence[Keeps], seed: int) -> SimulatedService:
    service = SimulatedService(endpoints, cell.noise, seed, heap=False, warmup=WARMUP)
    service.serve(np.full(len(endpoints), float(WARMUP)), WARMUP * len(endpoints) / cell.rate)
    return service


def _outcomes(verdict: Verdict) -> tuple[str, ...]:
    return tuple(endpoint.verdict for endpoint in verdict.endpoints)


def _stood_from(looks: Sequence[Look], last: tuple[str, ...]) -> tuple[float, int] | None:
    """When the last verdict was told and stayed; None where it was only at the end, or isn't one for all endpoints."""
    if "inconclusive" in last:
        return None
    stood: tuple[float, int] | None = None
    for elapsed_s, requests, outcomes in reversed(looks):
        if outcomes != last:
            break
        stood = elapsed_s, requests
    return stood
