"""A second opinion from SkyWalking: how a service's memory there grew with the requests, of a run or by itself."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Final

import numpy as np

from harness.errors import InputError, SampleError
from harness.model.remote import Point, RemoteTrend
from harness.model.samples import Recording
from harness.model.verdict import Verdict
from harness.moments import span_of
from harness.sample.recording import read_recording
from harness.skywalking.answers import Service
from harness.skywalking.client import Oap
from harness.skywalking.trend import FEWEST_DIFFERENCES, Level, Trend, trend_of

# The one metric of memory that SkyWalking has of PHP: VmRSS, in units of 1024 KiB.
PHP_MEMORY: Final = "meter_instance_php_memory_used_mb"
PHP_UNIT_BYTES: Final = 1024.0**2
CALLS: Final = "service_instance_cpm"
# The OAP is done with a minute by then.
SETTLED: Final = timedelta(minutes=2)
_HALF_A_MINUTE: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Question:
    """What is asked of an OAP. `instance` None: the only one there is. `unit_bytes`: one unit of the expression."""

    service: str
    instance: str | None
    expression: str
    unit_bytes: float
    threshold_bytes: float
    confidence: float


@dataclass(frozen=True)
class _Found:
    """An instance's memory, over whole minutes from `began` to `ended`."""

    service: Service
    instance: str
    began: datetime
    ended: datetime
    points: tuple[Point, ...]


def trend_of_run(oap: Oap, question: Question, run: Path, verdict: Verdict) -> RemoteTrend:
    """Against the requests that a recorded run sent. Raises InputError, SampleError."""
    recording = read_recording(run)
    load_s = recording.samples[-1].elapsed_s if recording.samples else 0.0
    span = span_of(run, verdict.run_id, load_s)
    if not span.exact:
        raise InputError(
            f"{run}: its samples were copied, so nobody knows when they were taken", hint="use the run's own folder"
        )
    found = _find(oap, question, span.began, span.ended)
    sent = _requests_until(recording, [(point.at - span.began).total_seconds() for point in found.points])
    return _told(question, found, sent).model_copy(update={"run_id": verdict.run_id})


def trend_of_service(oap: Oap, question: Question, now: datetime, last_s: float) -> RemoteTrend:
    """Against the calls that the OAP itself has counted, over the last time. Raises InputError, SampleError."""
    ended = now - SETTLED
    found = _find(oap, question, ended - timedelta(seconds=last_s), ended)
    calls = oap.series(CALLS, found.service, found.instance, found.began, found.ended)
    if not calls:
        raise SampleError(
            f"{oap.label} counted no calls of {found.instance!r}", hint="without requests no growth is an endpoint's"
        )
    return _told(question, found, _calls_until(calls, found.points))


def _find(oap: Oap, question: Question, began: datetime, ended: datetime) -> _Found:
    service = oap.service(question.service)
    instance = question.instance or _only_instance(oap, service, began, ended)
    points = oap.series(question.expression, service, instance, began, ended)
    whole = [p for p in points if began <= p.at - _HALF_A_MINUTE and p.at + _HALF_A_MINUTE <= ended and p.value > 0]
    if not points:
        offered = oap.memory_metrics()
        raise SampleError(
            f"{oap.label} has no values of {question.expression!r} for {instance!r} {_between(began, ended)}",
            hint=f"--expression takes any metric that it has: {', '.join(offered) or 'it has none of memory'}; the PHP "
            "agent tells memory from 1.2 on, on Linux, not with its standalone reporter",
        )
    return _Found(service, instance, began, ended, tuple(whole))


def _only_instance(oap: Oap, service: Service, began: datetime, ended: datetime) -> str:
    names = sorted(instance.name for instance in oap.instances(service, began, ended))
    if not names:
        raise InputError(
            f"{oap.label} knows no instance of {service.name!r} {_between(began, ended)}",
            hint="did its agent report then?",
        )
    if len(names) > 1:
        raise InputError(
            f"{service.name!r} has {len(names)} instances: {', '.join(names[:10])}", hint="choose one with --instance"
        )
    return names[0]


def _between(began: datetime, ended: datetime) -> str:
    return f"from {began:%Y-%m-%d %H:%M} to {ended:%H:%M} UTC"


def _requests_until(recording: Recording, moments_s: Sequence[float]) -> list[float]:
    """Of all endpoints together; requests within a window are taken to be even."""
    elapsed_s = [sample.elapsed_s for sample in recording.samples]
    totals = [float(sum(sample.requests)) for sample in recording.samples]
    return [float(each) for each in np.interp(moments_s, elapsed_s, totals)]


def _calls_until(calls: Sequence[Point], points: Sequence[Point]) -> list[float]:
    """Until the middle of each point's minute; a minute without a value had no calls."""
    minutes, own = [call.at for call in calls], {call.at: call.value for call in calls}
    totals = [0.0, *accumulate(call.value for call in calls)]
    return [totals[bisect_right(minutes, point.at)] - own.get(point.at, 0.0) / 2 for point in points]


def _told(question: Question, found: _Found, sent: Sequence[float]) -> RemoteTrend:
    levels = [
        Level(point.at.timestamp(), point.value * question.unit_bytes, requests)
        for point, requests in zip(found.points, sent, strict=True)
    ]
    trend = trend_of(levels, question.threshold_bytes, question.confidence, question.unit_bytes)
    requests = round(sent[-1] - sent[0]) if sent else 0
    slope = trend.slope
    return RemoteTrend(
        answer=trend.answer,
        service=found.service.name,
        instance=found.instance,
        expression=question.expression,
        began=found.began,
        ended=found.ended,
        points=len(levels),
        requests=requests,
        bytes_per_request=slope.bytes_per_request if slope else None,
        limits=(slope.low, slope.high) if slope else None,
        confidence=question.confidence,
        threshold_bytes=question.threshold_bytes,
        idle_bytes_per_second=slope.bytes_per_second if slope else None,
        quantum_bytes=trend.quantum_bytes,
        restarts=trend.restarts,
        notes=tuple(_notes(question, trend, len(levels), requests)),
    )


def _notes(question: Question, trend: Trend, points: int, requests: int) -> list[str]:
    """What a reader has to know to believe no more than this tells."""
    notes = ["means of minutes over all endpoints: which of them keeps the memory can't be told from here"]
    if "meter_instance_php_" in question.expression:
        notes.append(
            "the PHP agent reads one process, the one that started its reporter: with a master process that is the "
            "master, and what a worker keeps doesn't show"
        )
    if trend.slope is None and points <= FEWEST_DIFFERENCES:
        notes.append(f"{points} minutes with a value are too few: {FEWEST_DIFFERENCES + 1} at least tell anything")
    elif trend.slope is None:
        notes.append("there were too few requests for any answer")
    elif trend.slope.bytes_per_second is None:
        notes.append("the traffic was even: growth with time can't be told from growth with requests")
    if trend.answer == "grows":
        notes.append("a warm-up, or a cache that still fills, looks the same until it has ended")
    if trend.quantum_bytes and requests:
        notes.append(
            f"the metric comes in steps of {trend.quantum_bytes:,.0f} bytes: over these requests less than "
            f"{trend.quantum_bytes / requests:,.1f} B/request can't be seen"
        )
    if trend.restarts:
        notes.append(f"{trend.restarts} times the memory fell as if a process was replaced; left out")
    return notes
