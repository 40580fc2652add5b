"""The last verdicts in Prometheus' text format, for the textfile collector of the node exporter.

Everything is a gauge: it is the state of the last run, and starts anew with the next. Names and units follow
https://prometheus.io/docs/practices/naming/ (base units, states as one series a state with 0 or 1).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from harness.model.verdict import EndpointOutcome, Outcome, Verdict
from harness.report.printable import one_line
from harness.report.wording import is_known, scenario_of

_RUN: Final = ("scenario",)
_ENDPOINT: Final = ("scenario", "endpoint")
_STAMP: Final = re.compile(r".+-(\d{8}t\d{6})z-[0-9a-f]{6}")


def render_prometheus(verdict: Verdict) -> str:
    return render_runs([verdict])


def render_runs(verdicts: Sequence[Verdict], failed: Iterable[str] = ()) -> str:
    """All verdicts in one document, the later one where a scenario is there twice.

    `failed` are scenarios that could not be measured: they are said to be, and have no other series.
    """
    registry = CollectorRegistry()
    latest = {scenario_of(verdict.run_id): verdict for verdict in verdicts}
    measured = _gauge(registry, "run_measured", "1 where the last run came to a verdict, 0 where it could not", _RUN)
    for scenario in failed:
        measured.labels(one_line(scenario)).set(0)
    for scenario in latest:
        measured.labels(one_line(scenario)).set(1)
    _runs(registry, latest)
    _endpoints(registry, latest)
    return generate_latest(registry).decode("utf-8")


def _runs(registry: CollectorRegistry, latest: dict[str, Verdict]) -> None:
    info = _gauge(registry, "run_info", "Which run the other series are of", (*_RUN, "run_id"))
    began = _gauge(registry, "run_start_timestamp_seconds", "When the run began", _RUN)
    outcome = _gauge(registry, "run_outcome", "1 for the run's answer, 0 for the others", (*_RUN, "outcome"))
    idle = _gauge(registry, "idle_growth_bytes_per_second", "Growth without any traffic, no endpoint's fault", _RUN)
    together = _gauge(
        registry, "unattributed_retained_bytes", "What a request keeps that no endpoint keeps by itself", _RUN
    )
    events = _gauge(registry, "run_events", "Restarts, kills and the like during the run", (*_RUN, "kind"))
    for scenario, verdict in latest.items():
        name = one_line(scenario)
        info.labels(name, one_line(verdict.run_id)).set(1)
        if (began_s := _started_s(verdict.run_id)) is not None:
            began.labels(name).set(began_s)
        for answer in get_args(Outcome):
            outcome.labels(name, answer).set(answer == verdict.outcome)
        idle.labels(name).set(verdict.time_driven_bytes_per_second)
        together.labels(name).set(verdict.unattributed_bytes_per_request)
        for kind, count in Counter(event.kind for event in verdict.events).items():
            events.labels(name, one_line(kind)).set(count)


def _endpoints(registry: CollectorRegistry, latest: dict[str, Verdict]) -> None:
    """What nothing bounds has no series: an enormous number would be taken for one."""
    answer = _gauge(
        registry, "endpoint_verdict", "1 for the endpoint's verdict, 0 for the others", (*_ENDPOINT, "verdict")
    )
    size = _gauge(registry, "endpoint_retained_bytes", "What one request leaves in memory", _ENDPOINT)
    low = _gauge(registry, "endpoint_retained_lower_bytes", "Lower 95% limit of what one request leaves", _ENDPOINT)
    high = _gauge(registry, "endpoint_retained_upper_bytes", "Upper 95% limit of what one request leaves", _ENDPOINT)
    requests = _gauge(registry, "endpoint_requests", "Requests of the run", _ENDPOINT)
    failures = _gauge(registry, "endpoint_failed_requests", "Requests of the run with an unexpected answer", _ENDPOINT)
    for scenario, verdict in latest.items():
        for endpoint in verdict.endpoints:
            names = one_line(scenario), one_line(endpoint.name)
            for each in get_args(EndpointOutcome):
                answer.labels(*names, each).set(each == endpoint.verdict)
            sizes = (endpoint.bytes_per_request, *endpoint.ci95)
            for gauge, value in zip((size, low, high), sizes, strict=True):
                if is_known(value):
                    gauge.labels(*names).set(value)
            requests.labels(*names).set(endpoint.requests)
            failures.labels(*names).set(sum(endpoint.failures.values()))


def _started_s(run_id: str) -> float | None:
    """Seconds since 1970 of the time in a run's id, where it has one."""
    match = _STAMP.fullmatch(run_id)
    try:
        return datetime.strptime(match[1], "%Y%m%dt%H%M%S").replace(tzinfo=UTC).timestamp() if match else None
    except ValueError:
        return None


def _gauge(registry: CollectorRegistry, name: str, says: str, labels: Sequence[str]) -> Gauge:
    return Gauge(f"hyperleak_{name}", says, labels, registry=registry)
