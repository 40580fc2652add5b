"""Runs as OpenTelemetry metrics.

Instruments of the SDK measure now, and what a run measured was before: so the points are made by hand, with the times
that they are of. Names and units follow https://opentelemetry.io/docs/specs/semconv/general/metrics/ and UCUM;
everything is a gauge, the state of the last run. Limits are metrics of their own: as attributes every run would begin
another series.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, get_args

from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData, NumberDataPoint, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

import harness
from harness.model.picture import CurveName
from harness.model.telemetry import Telemetry
from harness.model.verdict import Channel, EndpointOutcome, EndpointVerdict, Outcome

PER_REQUEST: Final = "By/{request}"
# Estimates and limits that nothing bounds are recorded as enormous numbers, which would be taken for measured.
_UNBOUNDED_BYTES: Final = 2.0**40
_MEMORY: Final = frozenset(get_args(Channel))
_COUNTS: Final[Mapping[CurveName, str]] = {
    "open_fds": "{file}",
    "coroutines": "{coroutine}",
    "timers": "{timer}",
    "resources": "{resource}",
}


class _Point(NamedTuple):
    """One value of a metric, of a moment (nanoseconds since 1970)."""

    metric: str
    unit: str
    says: str
    attributes: Mapping[str, str]
    value: float
    at_ns: int


def metrics_of(runs: Sequence[Telemetry]) -> MetricsData:
    """All runs in one document, each as a resource of its own."""
    return MetricsData(resource_metrics=[_resource(run) for run in runs])


def _resource(run: Telemetry) -> ResourceMetrics:
    """What the environment says of the resource (OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME) goes before.

    An instance is a scenario: a random one, as the SDK makes, would begin new series with every run.
    """
    attributes = {
        "service.name": "hyperleak",
        "service.version": harness.__version__,
        "service.instance.id": _clean(run.scenario),
        "hyperleak.scenario": _clean(run.scenario),
        "hyperleak.run.id": _clean(run.verdict.run_id),
    }
    if run.revision:
        attributes["vcs.ref.head.revision"] = _clean(run.revision)
    scope = InstrumentationScope("hyperleak", harness.__version__)
    metrics = ScopeMetrics(scope=scope, metrics=_gathered(_points(run)), schema_url="")
    resource = Resource(attributes).merge(OTELResourceDetector().detect())
    return ResourceMetrics(resource=resource, scope_metrics=[metrics], schema_url="")


def _gathered(points: Iterable[_Point]) -> list[Metric]:
    by_name: dict[str, list[_Point]] = {}
    for point in points:
        by_name.setdefault(point.metric, []).append(point)
    return [
        Metric(name=name, description=of[0].says, unit=of[0].unit, data=Gauge([_data_point(point) for point in of]))
        for name, of in by_name.items()
    ]


def _data_point(point: _Point) -> NumberDataPoint:
    attributes = {name: _clean(value) for name, value in point.attributes.items()}
    return NumberDataPoint(attributes, 0, point.at_ns, float(point.value))


def _points(run: Telemetry) -> Iterator[_Point]:
    yield from _of_run(run)
    for endpoint in run.verdict.endpoints:
        yield from _of_endpoint(run, endpoint)
    yield from _of_curves(run)


def _of_run(run: Telemetry) -> Iterator[_Point]:
    verdict, at_ns, names = run.verdict, _nanoseconds(run.span.ended), {"scenario": run.scenario}
    for outcome in get_args(Outcome):
        says, attributes = "1 for the run's answer, 0 for the others", names | {"outcome": outcome}
        yield _Point("hyperleak.run.outcome", "1", says, attributes, outcome == verdict.outcome, at_ns)
    says = "Growth without any traffic, no endpoint's fault"
    yield _Point("hyperleak.run.idle_growth", "By/s", says, names, verdict.time_driven_bytes_per_second, at_ns)
    says = "What a request keeps that no endpoint keeps by itself"
    yield _Point("hyperleak.run.unattributed", PER_REQUEST, says, names, verdict.unattributed_bytes_per_request, at_ns)
    for kind, count in Counter(event.kind for event in verdict.events).items():
        says, attributes = "Restarts, kills and the like during the run", names | {"kind": kind}
        yield _Point("hyperleak.run.events", "{event}", says, attributes, count, at_ns)


def _of_endpoint(run: Telemetry, endpoint: EndpointVerdict) -> Iterator[_Point]:
    at_ns, names = _nanoseconds(run.span.ended), {"scenario": run.scenario, "endpoint": endpoint.name}
    found = names | {"verdict": endpoint.verdict, "channel": endpoint.channel}
    low, high = endpoint.ci95
    for name, says, value, attributes in (
        ("leak", "What one request leaves in memory", endpoint.bytes_per_request, found),
        ("leak_lower_limit", "Lower 95% limit of what one request leaves", low, names),
        ("leak_upper_limit", "Upper 95% limit of what one request leaves", high, names),
    ):
        if abs(value) < _UNBOUNDED_BYTES:
            yield _Point(f"hyperleak.endpoint.{name}", PER_REQUEST, says, attributes, value, at_ns)
    for answer in get_args(EndpointOutcome):
        says, attributes = "1 for the endpoint's verdict, 0 for the others", names | {"verdict": answer}
        yield _Point("hyperleak.endpoint.verdict", "1", says, attributes, answer == endpoint.verdict, at_ns)
    says, failed = "Requests of the run", sum(endpoint.failures.values())
    yield _Point("hyperleak.endpoint.requests", "{request}", says, names, endpoint.requests, at_ns)
    says = "Requests of the run with an unexpected answer"
    yield _Point("hyperleak.endpoint.failed_requests", "{request}", says, names, failed, at_ns)


def _of_curves(run: Telemetry) -> Iterator[_Point]:
    names = {"scenario": run.scenario}
    for curve in run.curves:
        metric, unit, says, attributes = f"hyperleak.target.{curve.name}", "", "How many the target has", names
        if curve.name in _MEMORY:
            metric, unit, says = "hyperleak.target.memory", "By", "The target's memory, over all its processes"
            attributes = names | {"channel": curve.name}
        for elapsed_s, level in zip(curve.elapsed_s, curve.levels, strict=True):
            at_ns = _nanoseconds(run.span.began + timedelta(seconds=elapsed_s))
            yield _Point(metric, unit or _COUNTS[curve.name], says, attributes, level, at_ns)


def _nanoseconds(moment: datetime) -> int:
    """Since 1970."""
    return round(moment.timestamp() * 1e6) * 1000


def _clean(text: str) -> str:
    """Protocol buffers take no lone surrogates."""
    return text.encode("utf-8", errors="replace").decode("utf-8")
