"""Screening something that already runs: attach, ask, read the heaps; nothing is started but the requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from harness.analysis.decide import Settings
from harness.analysis.screening import screen_verdict
from harness.errors import InputError, LoadError, SampleError
from harness.load.catalogue import Catalogue
from harness.load.single import SingleVisitor
from harness.measuring.screening import Budget, Screening, Sink
from harness.model.load import Endpoint, LoadSpec, Request
from harness.model.screen import ScreenHeader, ScreenRecording, ScreenRequest
from harness.model.target import TargetHandle
from harness.model.verdict import EndpointVerdict, Verdict
from harness.sample.run_times import run_times
from harness.sample.sampler import Sampler


class Unkept:
    """Where requests go that nobody asked to keep."""

    def write(self, request: ScreenRequest) -> None:
        pass


@dataclass(frozen=True)
class ScreenWatcher:
    """`look` is told what was recorded so far, a few times a second."""

    look: Callable[[ScreenRecording], None]
    stop_asked: Callable[[], bool]


def endpoints_of(urls: Sequence[str]) -> tuple[str, tuple[Endpoint, ...]]:
    """Base URL and endpoints of "http://host:port/path?query", "POST http://…" and so on. Raises InputError."""
    requests = [_split(url) for url in urls]
    origins = {origin for origin, _, _ in requests}
    if len(origins) != 1:
        raise InputError(
            f"the URLs name {len(origins)} servers: {', '.join(sorted(origins))}", hint="screen one at a time"
        )
    named = {f"{method} {path}": Request(method=method, path=path) for _, method, path in requests}
    any_status = tuple(range(100, 600))
    return origins.pop(), tuple(Endpoint(name=n, request=r, expect=any_status) for n, r in named.items())


def screening_of(
    spec: LoadSpec,
    sampler: Sampler,
    settings: Settings,
    budget: Budget,
    watcher: ScreenWatcher,
    header: ScreenHeader,
    sink: Sink,
) -> Screening:
    """A screening of the spec's endpoints. Raises SampleError where no heap can be read; `perform`: LoadError."""
    if not sampler.heap_bytes():
        raise SampleError("no PHP heap of the target can be read", hint="; ".join(sampler.notes) or "does it run PHP?")
    catalogue = Catalogue(spec)
    users = iter(range(10**6))
    return Screening(
        header=header,
        connect=lambda: SingleVisitor(spec, catalogue, next(users)),
        heaps=sampler.heap_bytes,
        run_times=run_times,
        roots=sampler.collector_roots,
        sink=sink,
        settings=settings,
        budget=budget,
        observe=watcher.look,
        stop_asked=watcher.stop_asked,
    )


def screen_attached(
    handle: TargetHandle,
    endpoints: tuple[Endpoint, ...],
    sampler: Sampler,
    settings: Settings,
    budget: Budget,
    watcher: ScreenWatcher,
    seed: int,
) -> Verdict:
    """The verdict on something that already runs. Raises SampleError, and LoadError where it was not it that answered.

    `failures` of an endpoint are its answers from 400 on and its broken connections; an endpoint that never answered
    is inconclusive.
    """
    spec = LoadSpec(base_url=handle.base_url, endpoints=endpoints, seed=seed)
    target = {"kind": handle.kind, "base_url": handle.base_url, **handle.environment}
    header = ScreenHeader(endpoints=tuple(e.name for e in endpoints), target=target, seed=seed, notes=sampler.notes)
    screening = screening_of(spec, sampler, settings, budget, watcher, header, Unkept())
    recording = screening.perform(range(len(endpoints)))
    _check_answered(screening, handle)
    verdict = screen_verdict(recording, settings)
    answered = tuple(_with_failures(found, e, recording) for e, found in enumerate(verdict.endpoints))
    silent = verdict.outcome == "clean" and any(found.verdict == "inconclusive" for found in answered)
    return verdict.model_copy(update={"endpoints": answered, "outcome": "inconclusive" if silent else verdict.outcome})


def _check_answered(screening: Screening, handle: TargetHandle) -> None:
    requests = screening.recording.requests
    if requests and all(request.status is None for request in requests):
        raise LoadError(f"no request to {handle.base_url} was answered", hint="see that the app listens there")
    if requests and not screening.reached:
        raise LoadError(
            f"requests to {handle.base_url} are answered, but not by the process that was named: none of its PHP ran",
            hint="give the --pid or --container of the app behind that address",
        )


def _with_failures(found: EndpointVerdict, endpoint: int, recording: ScreenRecording) -> EndpointVerdict:
    statuses = Counter(
        "no answer" if request.status is None else str(request.status)
        for request in recording.requests
        if request.endpoint == endpoint and (request.status is None or request.status >= 400)
    )
    never = found.requests > 0 and statuses["no answer"] == found.requests
    changes = {"verdict": "inconclusive", "note": "none of its requests was answered"} if never else {}
    return found.model_copy(update={"failures": dict(statuses), **changes})


def _split(url: str) -> tuple[str, str, str]:
    """Origin, method and path with query of "[METHOD ]URL"."""
    method, _, rest = url.strip().rpartition(" ")
    parts = _parts(rest)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(
            f"{url!r} is not the address of an endpoint", hint="write it like http://127.0.0.1:9501/orders"
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return f"{parts.scheme}://{parts.netloc}", (method.strip() or "GET").upper(), path


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")
