"""What the OAP answers, as far as it is used."""

from __future__ import annotations

from harness.model.base import Value


class TimeInfo(Value):
    """`timezone` is like +0800, `currentTimestamp` milliseconds since 1970."""

    timezone: str | None = None
    currentTimestamp: int | None = None  # noqa: N815 - the protocol's name


class TimeAnswer(Value):
    time: TimeInfo | None = None


class Service(Value):
    id: str
    name: str
    normal: bool | None = None


class ServiceAnswer(Value):
    service: Service | None = None


class Instance(Value):
    name: str
    language: str


class InstancesAnswer(Value):
    instances: tuple[Instance, ...]


class Label(Value):
    key: str
    value: str | None = None


class Metadata(Value):
    labels: tuple[Label, ...]


class Measured(Value):
    """`id`: of a time series the minute's beginning, milliseconds since 1970; `value`: a number, None where none is."""

    id: str | None = None
    value: str | None = None


class Series(Value):
    metric: Metadata
    values: tuple[Measured, ...]


class Result(Value):
    type: str
    error: str | None = None
    results: tuple[Series, ...]


class ValuesAnswer(Value):
    result: Result


class Metric(Value):
    name: str


class MetricsAnswer(Value):
    metrics: tuple[Metric, ...]
