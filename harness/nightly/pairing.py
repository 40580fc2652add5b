"""Which endpoint of the candidate is which of the baseline: by name, by what is asked, or by what holds the memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from harness.analysis.compare import Pair
from harness.model.verdict import EndpointVerdict, Verdict
from harness.nightly.runs import KeptRun


@dataclass
class _Endpoint:
    """All that one side knows of an endpoint; `requests` are the method and path that its scenarios gave it."""

    runs: list[EndpointVerdict] = field(default_factory=list)
    requests: set[str] = field(default_factory=set)

    @property
    def holders(self) -> tuple[str, ...]:
        return tuple(sorted({holder.path for run in self.runs for holder in run.holders}))


def pair_endpoints(baseline: Sequence[KeptRun], candidate: Sequence[KeptRun]) -> list[Pair]:
    """Every endpoint of either side once, in the candidate's order, those that are gone at the end."""
    before, after = _endpoints(baseline), _endpoints(candidate)
    was = _renamed(before, after)
    pairs = [
        Pair(name, _runs(before, was[name][0] if name in was else name), tuple(found.runs), *was.get(name, (None, "")))
        for name, found in after.items()
    ]
    old_names = {old for old, _ in was.values()}
    gone = [name for name in before if name not in after and name not in old_names]
    return pairs + [Pair(name, tuple(before[name].runs), ()) for name in gone]


def _endpoints(side: Sequence[KeptRun]) -> dict[str, _Endpoint]:
    found: dict[str, _Endpoint] = defaultdict(_Endpoint)
    for kept in side:
        requests = _requests(kept.verdict)
        for endpoint in kept.verdict.endpoints:
            found[endpoint.name].runs.append(endpoint)
            found[endpoint.name].requests.add(requests.get(endpoint.name, endpoint.name))
    return dict(found)


def _runs(side: dict[str, _Endpoint], name: str) -> tuple[EndpointVerdict, ...]:
    return tuple(side[name].runs) if name in side else ()


def _requests(verdict: Verdict) -> dict[str, str]:
    """Method and path by endpoint, from runs that recorded them."""
    schedule = verdict.environment.get("schedule")
    written = schedule.get("requests") if isinstance(schedule, dict) else None
    if not isinstance(written, list) or len(written) != len(verdict.endpoints):
        return {}
    return {endpoint.name: str(request) for endpoint, request in zip(verdict.endpoints, written, strict=True)}


def _renamed(before: dict[str, _Endpoint], after: dict[str, _Endpoint]) -> dict[str, tuple[str, str]]:
    """New name → old name and what told so: only where exactly one on each side has the same."""
    found: dict[str, tuple[str, str]] = {}
    gone, new = [n for n in before if n not in after], [n for n in after if n not in before]
    keys: tuple[tuple[str, Callable[[_Endpoint], Hashable]], ...] = (
        ("the same request", lambda e: _only(e.requests)),
        ("the same method and path", lambda e: _only({_path(request) for request in e.requests})),
        ("the same holder", lambda e: e.holders or None),
    )
    for told_by, key in keys:
        olds, news = _by_key(gone, before, key), _by_key(new, after, key)
        for value in olds.keys() & news.keys():
            if value is not None and len(olds[value]) == len(news[value]) == 1:
                old, name = olds[value][0], news[value][0]
                found[name] = (old, told_by)
                gone.remove(old)
                new.remove(name)
    return found


def _by_key(
    names: Iterable[str], side: dict[str, _Endpoint], key: Callable[[_Endpoint], Hashable]
) -> dict[Hashable, list[str]]:
    found: dict[Hashable, list[str]] = defaultdict(list)
    for name in names:
        found[key(side[name])].append(name)
    return found


def _only(values: set[str]) -> str | None:
    return next(iter(values)) if len(values) == 1 else None


def _path(request: str) -> str:
    """Without the query, a slash at the end, and what blanks there are too many."""
    method, _, path = " ".join(request.split()).partition(" ")
    return f"{method.upper()} {path.partition('?')[0].rstrip('/') or '/'}"
