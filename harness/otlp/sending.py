"""Sends metrics by OTLP over gRPC.

OpenTelemetry's own environment variables are honoured by its exporter: headers, certificates, compression, timeout,
and the endpoint where none is given. Headers are secrets; none is ever shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import MetricExportResult

from harness.errors import InputError
from harness.model.telemetry import Telemetry
from harness.otlp.metrics import metrics_of
from harness.overheard import overheard

ENDPOINT_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOL_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
# gRPC servers take messages of 4 MiB unless told otherwise; a point is about 150 bytes.
_MOST_POINTS: Final = 5_000
_HINT: Final = "write it like http://collector:4317, or https:// where it has a certificate"
_LOGGER: Final = "opentelemetry.exporter.otlp.proto.grpc.exporter"


@dataclass(frozen=True)
class Collector:
    """Where metrics go; `url` has no user or password in it."""

    url: str

    def send(self, runs: Sequence[Telemetry]) -> str:
        """Sends, waiting ten seconds at most (OTEL_EXPORTER_OTLP_TIMEOUT); "" or why it could not be delivered."""
        with overheard(_LOGGER) as said:
            try:
                exporter = OTLPMetricExporter(endpoint=self.url, max_export_batch_size=_MOST_POINTS)
                try:
                    sent = exporter.export(metrics_of(runs)) is MetricExportResult.SUCCESS
                finally:
                    exporter.shutdown()
            except Exception as error:  # a certificate that can't be read, a header that is none
                return f"{type(error).__name__}: {error}"
        return "" if sent else said[-1] if said else "no reason was given"


def collector_of(url: str | None, environment: Mapping[str, str]) -> Collector | None:
    """The collector at `url`, else the one that OpenTelemetry's variables name, if they do. Raises InputError."""
    if url is not None:
        return _read(url, "--otlp")
    name = next((name for name in ENDPOINT_VARIABLES if environment.get(name)), None)
    if name is None or environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    protocol = next((environment[name] for name in _PROTOCOL_VARIABLES if environment.get(name)), "grpc")
    if protocol != "grpc":
        raise InputError(
            f"{name} is for the protocol {protocol!r}, and metrics are sent by grpc alone",
            hint="give the collector's gRPC address with --otlp, as http://collector:4317",
        )
    return _read(environment[name], name)


def _read(url: str, given: str) -> Collector:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InputError(f"{given} is not a URL", hint=_HINT) from None
    if parts.scheme not in ("http", "https") or not host:
        raise InputError(f"{given} is not a URL of a collector", hint=_HINT)
    if parts.username is not None or parts.password is not None:
        raise InputError(
            f"{given} has a user or password in it, which gRPC doesn't take",
            hint='set OTEL_EXPORTER_OTLP_HEADERS, as "authorization=Basic …"',
        )
    if parts.path.strip("/") or parts.query:
        raise InputError(f"{given} has a path, which is OTLP over HTTP; metrics are sent by gRPC", hint=_HINT)
    bracketed = f"[{host}]" if ":" in host else host
    return Collector(f"{parts.scheme}://{bracketed}:{port or 4317}")
