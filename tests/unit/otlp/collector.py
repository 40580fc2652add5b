"""The receiving end of OTLP over gRPC, made of the protocol's own service: keeps what it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as messages
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as service
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint


class Collector(service.MetricsServiceServicer):
    """Refuses everything with `refusal` where there is one."""

    def __init__(self, refusal: str | None) -> None:
        self.requests: list[messages.ExportMetricsServiceRequest] = []
        self.headers: list[dict[str, str | bytes]] = []
        self.port = 0
        self._refusal = refusal

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def Export(self, request: messages.ExportMetricsServiceRequest, context: Any) -> Any:
        self.headers.append(dict(context.invocation_metadata()))
        if self._refusal is not None:
            context.abort(grpc.StatusCode[self._refusal], "no room for it")
        self.requests.append(request)
        return messages.ExportMetricsServiceResponse()

    def resources(self) -> list[dict[str, str]]:
        return [
            {each.key: each.value.string_value for each in resource.resource.attributes}
            for request in self.requests
            for resource in request.resource_metrics
        ]

    def metrics(self) -> dict[str, Any]:
        """By name; of several requests the last one's."""
        return {
            metric.name: metric
            for request in self.requests
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def points(self, name: str) -> list[tuple[dict[str, str], NumberDataPoint]]:
        return [
            ({each.key: each.value.string_value for each in point.attributes}, point)
            for request in self.requests
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.gauge.data_points
        ]

    def value(self, name: str, **attributes: str) -> float:
        """Of the one point with these attributes among its own."""
        (point,) = [point for has, point in self.points(name) if attributes.items() <= has.items()]
        return float(point.as_double)


@contextmanager
def collector(refusal: str | None = None) -> Iterator[Collector]:
    """`refusal` is the name of gRPC's status."""
    server = grpc.server(ThreadPoolExecutor(2))
    receiver = Collector(refusal)
    service.add_MetricsServiceServicer_to_server(receiver, server)  # type: ignore[no-untyped-call]
    receiver.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield receiver
    finally:
        server.stop(None).wait()
