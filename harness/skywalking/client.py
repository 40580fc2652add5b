"""Asks an OAP over HTTP. Its address may hold a password, which is never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from harness.closing import Closing
from harness.errors import InputError, SampleError
from harness.model.base import Value
from harness.model.remote import Point
from harness.skywalking import queries
from harness.skywalking.answers import (
    Instance,
    InstancesAnswer,
    Measured,
    MetricsAnswer,
    Result,
    Service,
    ServiceAnswer,
    TimeAnswer,
    ValuesAnswer,
)

A = TypeVar("A", bound=Value)

TIMEOUT_S: Final = 15.0
_HALF_A_MINUTE: Final = timedelta(seconds=30)
_TIMEZONE: Final = re.compile(r"([+-])(\d{2})(\d{2})")
_MEMORY: Final = ".*(memory|rss|heap).*"
_MOST_NAMES: Final = 12


class Oap(Closing):
    """One OAP, asked at its GraphQL address. Every question raises SampleError where it isn't answered."""

    def __init__(self, url: str) -> None:
        """Raises InputError for an address that can't be one."""
        self.label = _label(url)
        self._url = url
        self._client = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False)
        self._zone: timezone | None = None

    def close(self) -> None:
        self._client.close()

    def service(self, name: str) -> Service:
        """Raises InputError where the OAP knows no such service."""
        found = self._ask(ServiceAnswer, queries.SERVICE, {"name": name}).service
        if found is None:
            raise InputError(f"{self.label} knows no service {name!r}", hint="write it as SkyWalking's own page does")
        return found

    def instances(self, service: Service, began: datetime, ended: datetime) -> tuple[Instance, ...]:
        variables = {"duration": self._duration(began, ended), "service": service.id}
        return self._ask(InstancesAnswer, queries.INSTANCES, variables).instances

    def series(
        self, expression: str, service: Service, instance: str, began: datetime, ended: datetime
    ) -> tuple[Point, ...]:
        """The values of an MQE expression, minute by minute; empty where there are none.

        Raises InputError for an expression that the OAP doesn't understand, or that isn't one series over time.
        """
        entity = {
            "serviceName": service.name,
            "normal": True if service.normal is None else service.normal,
            "serviceInstanceName": instance,
        }
        variables = {"expression": expression, "entity": entity, "duration": self._duration(began, ended)}
        result = self._ask(ValuesAnswer, queries.VALUES, variables).result
        self._check(expression, result)
        points = [_point(measured) for series in result.results for measured in series.values]
        return tuple(sorted(point for point in points if point is not None and began <= point.at <= ended))

    def memory_metrics(self) -> tuple[str, ...]:
        """Names of the metrics of memory that the OAP has, some of them where there are many."""
        found = self._ask(MetricsAnswer, queries.METRICS, {"regex": _MEMORY}).metrics
        return tuple(sorted(metric.name for metric in found)[:_MOST_NAMES])

    def _check(self, expression: str, result: Result) -> None:
        if result.type == "UNKNOWN" or result.error:
            reason = " ".join((result.error or "no reason given").split())
            raise InputError(f"{self.label} can't tell {expression!r}: {reason}", hint=self._offered())
        if result.type != "TIME_SERIES_VALUES":
            raise InputError(
                f"{expression!r} isn't a series over time, but {result.type}", hint="leave out what makes one value"
            )
        if len(result.results) > 1:
            labels = {label.key for series in result.results for label in series.metric.labels}
            raise InputError(
                f"{expression!r} is {len(result.results)} series, told apart by {', '.join(sorted(labels))}",
                hint="add them up, as in aggregate_labels(…,sum), or choose one, as in metric{label='value'}",
            )

    def _offered(self) -> str:
        names = self.memory_metrics()
        return f"it has {', '.join(names)}" if names else "it has no metric of memory"

    def _duration(self, began: datetime, ended: datetime) -> dict[str, str]:
        """Both minutes are included; they are of the OAP's own timezone."""
        zone = self._timezone()
        start, end = (moment.astimezone(zone).strftime("%Y-%m-%d %H%M") for moment in (began, ended))
        return {"start": start, "end": end, "step": "MINUTE"}

    def _timezone(self) -> timezone:
        if self._zone is None:
            time = self._ask(TimeAnswer, queries.TIME, {}).time
            match = _TIMEZONE.fullmatch(time.timezone or "") if time else None
            if match is None:
                raise SampleError(f"{self.label} doesn't tell its timezone", hint="is it an OAP of 9.4 or later?")
            east = timedelta(hours=int(match[2]), minutes=int(match[3]))
            self._zone = timezone(east if match[1] == "+" else -east)
        return self._zone

    def _ask(self, answer: type[A], query: str, variables: Mapping[str, Any]) -> A:
        try:
            response = self._client.post(self._url, json={"query": query, "variables": variables})
            response.raise_for_status()
            document = response.json()
        except httpx.HTTPStatusError as error:
            raise self._silent(f"HTTP {error.response.status_code}") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._silent(str(error) or type(error).__name__) from None
        except ValueError:
            raise self._silent("it answers no JSON") from None
        if not isinstance(document, dict) or document.get("errors"):
            raise self._silent(_first_error(document))
        try:
            return answer.model_validate(document.get("data"))
        except ValidationError as error:
            raise self._silent(f"its answer isn't of the query protocol: {error.errors()[0]['loc']}") from None

    def _silent(self, reason: str) -> SampleError:
        return SampleError(
            f"{self.label}: {reason}",
            hint="--url is the GraphQL address of an OAP from 9.4 on, as http://oap:12800/graphql",
        )


def _point(measured: Measured) -> Point | None:
    try:
        at = datetime.fromtimestamp(int(measured.id or "") / 1000, UTC) + _HALF_A_MINUTE
        return Point(at, float(measured.value or ""))
    except (ValueError, OverflowError, OSError):
        return None


def _first_error(document: Any) -> str:
    errors = document.get("errors") if isinstance(document, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    said = first.get("message") if isinstance(first, dict) else None
    return " ".join(str(said).split())[:300] if said else "it answers what no OAP does"


def _label(url: str) -> str:
    """The address without a user, a password or a query."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https"):
        raise InputError("the OAP's address is not a URL", hint="write it like http://oap:12800/graphql")
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"
