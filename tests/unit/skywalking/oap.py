"""An OAP as far as it is asked: the query protocol's types that are used, in a server that holds minutes of metrics."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from graphql import GraphQLSchema, build_schema, graphql_sync

# Written after apache/skywalking-query-protocol (common, metadata-v2, metrics-v3): what the queries use, no more.
PROTOCOL = """
scalar Long
enum Step { DAY HOUR MINUTE SECOND }
enum Language { UNKNOWN JAVA PHP }
enum Scope { Service ServiceInstance }
enum ExpressionResultType { UNKNOWN SINGLE_VALUE TIME_SERIES_VALUES SORTED_LIST RECORD_LIST }
input Duration { start: String!  end: String!  step: Step!  coldStage: Boolean }
input Entity { scope: Scope  serviceName: String  normal: Boolean  serviceInstanceName: String  endpointName: String }
type KeyValue { key: String!  value: String }
type TimeInfo { timezone: String  currentTimestamp: Long }
type Service { id: ID!  name: String!  group: String!  layers: [String!]!  normal: Boolean }
type ServiceInstance { id: ID!  name: String!  language: Language!  instanceUUID: String! }
type MQEValue { id: ID  value: String  traceID: ID }
type Metadata { labels: [KeyValue!]! }
type MQEValues { metric: Metadata!  values: [MQEValue!]! }
type ExpressionResult { type: ExpressionResultType!  results: [MQEValues!]!  error: String }
type MetricDefinition { name: String! }
type Query {
  getTimeInfo: TimeInfo
  findService(serviceName: String!): Service
  listInstances(duration: Duration!, serviceId: ID!): [ServiceInstance!]!
  listMetrics(regex: String): [MetricDefinition!]!
  execExpression(
    expression: String!, entity: Entity!, duration: Duration!, debug: Boolean, dumpDBRsp: Boolean
  ): ExpressionResult!
}
"""
MINUTE = timedelta(minutes=1)


def schema() -> GraphQLSchema:
    return build_schema(PROTOCOL)


@dataclass
class FakeOap:
    """`metrics`: by name and the UTC minute's beginning. `series`: labels of an expression of several series."""

    metrics: dict[str, dict[datetime, float]]
    zone: timezone = timezone(timedelta(hours=8))
    instances: tuple[str, ...] = ("shop-1",)
    normal: bool | None = True
    asked: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append(dict(request["variables"]))
        result = graphql_sync(schema(), request["query"], root_value=self, variable_values=request["variables"])
        return {"data": result.data} | (
            {"errors": [{"message": str(e)} for e in result.errors]} if result.errors else {}
        )

    def getTimeInfo(self, _info: Any) -> dict[str, Any]:
        return {"timezone": datetime.now(self.zone).strftime("%z"), "currentTimestamp": 1_700_000_000_000}

    def findService(self, _info: Any, serviceName: str) -> dict[str, Any] | None:  # noqa: N803
        known = {"id": "c2hvcA==.1", "name": "shop", "group": "", "layers": ["GENERAL"], "normal": self.normal}
        return known if serviceName == "shop" else None

    def listInstances(self, _info: Any, duration: Any, serviceId: str) -> list[dict[str, str]]:  # noqa: N803
        assert serviceId == "c2hvcA==.1"
        self._minutes(duration)
        return [{"id": name, "name": name, "language": "PHP", "instanceUUID": name} for name in self.instances]

    def listMetrics(self, _info: Any, regex: str) -> list[dict[str, str]]:
        return [{"name": name} for name in (*self.metrics, "instance_jvm_memory_heap") if "memory" in name]

    def execExpression(
        self, _info: Any, expression: str, entity: Mapping[str, Any], duration: Mapping[str, str]
    ) -> dict[str, Any]:
        assert entity["serviceName"] == "shop"
        if expression.startswith("latest("):
            return self._result("SINGLE_VALUE", [[]])
        if expression not in self.metrics:
            return {"type": "UNKNOWN", "results": [], "error": f"Metric: [{expression}] dose not exist."}
        kept = self.metrics[expression]
        found = [kept.get(minute) for minute in self._minutes(duration)]
        values = [
            {"id": str(round(minute.timestamp() * 1000)), "value": None if value is None else str(value)}
            for minute, value in zip(self._minutes(duration), found, strict=True)
        ]
        return self._result("TIME_SERIES_VALUES", [values] * (2 if expression == "by_label" else 1))

    def _result(self, kind: str, series: list[list[dict[str, Any]]]) -> dict[str, Any]:
        labels = [[] if len(series) == 1 else [{"key": "pod", "value": str(place)}] for place in range(len(series))]
        results = [{"metric": {"labels": of}, "values": each} for of, each in zip(labels, series, strict=True)]
        return {"type": kind, "results": results, "error": None}

    def _minutes(self, duration: Mapping[str, str]) -> list[datetime]:
        """Both ends are included, in the server's own time."""
        assert duration["step"] == "MINUTE"
        start, end = (
            datetime.strptime(duration[name], "%Y-%m-%d %H%M").replace(tzinfo=self.zone).astimezone(UTC)
            for name in ("start", "end")
        )
        return [start + place * MINUTE for place in range(round((end - start) / MINUTE) + 1)]


@contextmanager
def serving(oap: FakeOap, status: int = 200, body: bytes | None = None) -> Iterator[FakeOap]:
    """`body` is answered to everything where it is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = body if body is not None else json.dumps(oap.answer(request)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        oap.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield oap
        finally:
            server.shutdown()
            thread.join()
