"""What the load generator is asked for and what it answers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from harness.model.base import Value

Scalar = str | int | float | bool | None


class Request(Value):
    """One HTTP request. Every string may hold a template `{{ … }}` that is rendered for each request."""

    method: str = "GET"
    path: str
    params: dict[str, Scalar] = {}
    headers: dict[str, str] = {}
    json_body: Any = None
    form: dict[str, Scalar] | None = None
    body: str | None = None


class Endpoint(Value):
    """A request under a name; `expect` are the statuses that are no failure (empty: 2xx and 3xx).

    `screen` False keeps it out of the screening; `reset` is sent after each of its screening requests, unmeasured.
    """

    name: str
    request: Request
    weight: Annotated[float, Field(gt=0)] = 1.0
    expect: tuple[int, ...] = ()
    values: tuple[dict[str, Scalar], ...] = ()
    screen: bool = True
    reset: Request | None = None

    def accepts(self, status: int) -> bool:
        return status in self.expect if self.expect else 200 <= status < 400


class Login(Value):
    """Sent once by every user before its first request; `token` is a dotted path into the JSON answer.

    `headers` go with every later request, with `{{ token }}` filled in.
    """

    request: Request
    token: str
    headers: dict[str, str]


class LoadSpec(Value):
    """Everything that a generator needs to know before the first window."""

    base_url: str
    endpoints: tuple[Endpoint, ...]
    login: Login | None = None
    users: Annotated[int, Field(ge=1)] = 8
    request_timeout_s: float = 30.0
    seed: int = 0
    workers: Annotated[int, Field(ge=1)] = 1
    remote_workers: Annotated[int, Field(ge=0)] = 0
    bind: str = "127.0.0.1"
    bind_port: int = 5557


class WindowOrder(Value):
    """`counts[i]` requests of endpoint i in a seeded random order, released at `rate` a second (0: unlimited)."""

    index: Annotated[int, Field(ge=0)]
    counts: tuple[Annotated[int, Field(ge=0)], ...]
    rate: Annotated[float, Field(ge=0)] = 0.0


class WindowResult(Value):
    """Every request of the order, answered or broken; nothing is in flight any more.

    `outcomes[i]` counts by HTTP status or transport error, `failures[i]` those that were not expected.
    `load_s` is the time from the first release to the last answer, `offered_s` what the asked rate would have taken.
    """

    index: int
    outcomes: tuple[dict[str, int], ...]
    failures: tuple[int, ...]
    load_s: float
    offered_s: float
    latency_p50_s: float | None = None
    latency_p99_s: float | None = None

    @property
    def requests(self) -> tuple[int, ...]:
        return tuple(sum(by_status.values()) for by_status in self.outcomes)
