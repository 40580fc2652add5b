"""A scenario after reading: every default filled in, every path absolute."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from harness.model.base import Value
from harness.model.diagnosis import DiagnosePlan
from harness.model.load import Endpoint, Login
from harness.model.target import AnyTargetSpec
from harness.model.verdict import EndpointOutcome

# How windows' growth is fitted: robustly against the jumps of growing arrays, or by generalised least squares, which
# tells more where the noise is known to be smooth.
Estimator = Literal["robust", "gls"]


class LoadPlan(Value):
    """How the endpoints are driven.

    profile "attribution": randomised blocks of one-endpoint windows and idle windows, until every endpoint is decided
    or `budget_s` of load has been spent. profile "soak": all endpoints by weight for the whole budget, in windows.
    `confirm_requests` more go to each endpoint that seems to leak, since a cache looks the same until it is full.
    `rate` is requests/s over all users (0: as fast as the users can).
    """

    profile: Literal["attribution", "soak"] = "attribution"
    rate: Annotated[float, Field(ge=0)] = 300.0
    users: Annotated[int, Field(ge=1, le=10_000)] = 8
    window_s: Annotated[float, Field(gt=0)] = 0.5
    budget_s: Annotated[float, Field(gt=0)] = 60.0
    confirm_requests: Annotated[int, Field(ge=0)] = 5000
    warmup_requests: Annotated[int, Field(ge=0)] = 50
    request_timeout_s: Annotated[float, Field(gt=0)] = 30.0
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    remote_workers: Annotated[int, Field(ge=0)] = 0
    bind: str = "127.0.0.1"
    bind_port: int = 5557


class ScreeningPlan(Value):
    """The first look: one request at a time. At most so many requests an endpoint, and so long in all."""

    enabled: bool = True
    requests: Annotated[int, Field(ge=20)] = 60
    budget_s: Annotated[float, Field(gt=0)] = 15.0


class Sampling(Value):
    """Which channels may be used; `heap: false` leaves the container's memory alone to tell.

    `probe: false` brings nothing into the app's workers: garbage isn't collected and holders aren't named.
    `probe_signal`: the real-time signal that wakes the probe (None: its default); neither Swoole's nor the app's own.
    """

    heap: bool = True
    probe: bool = True
    probe_signal: int | None = None
    settle_timeout_s: Annotated[float, Field(gt=0)] = 1.0


class Production(Value):
    """What the app is to bear where it really runs: `rate` requests/s over all endpoints, shared by their weights."""

    rate: Annotated[float, Field(gt=0)]


class Scenario(Value):
    name: str
    description: str = ""
    source: Path
    target: Annotated[AnyTargetSpec, Field(discriminator="kind")]
    load: LoadPlan = LoadPlan()
    sampling: Sampling = Sampling()
    screening: ScreeningPlan = ScreeningPlan()
    endpoints: tuple[Endpoint, ...]
    login: Login | None = None
    threshold_bytes: Annotated[float, Field(gt=0)] = 64.0
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.99
    estimator: Estimator = "robust"
    seed: int = 0
    expect: dict[str, EndpointOutcome] = {}
    production: Production | None = None
    diagnose: DiagnosePlan | None = None
