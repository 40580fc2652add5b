"""Whether two sides were measured in a like environment.

What is expected to differ between a baseline and a candidate (image, commit, program, seeds, times, the harness's own
version) isn't looked at, and neither is what bytes on PHP's heap don't depend on (engine, kernel, size of the host).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from harness.model.comparison import UnlikeField
from harness.model.verdict import Verdict
from harness.nightly.runs import KeptRun, scenario_of


class Field(NamedTuple):
    """`section` of the record's environment; `why` it matters. `resident`: only where memory isn't PHP's own heap."""

    name: str
    section: Literal["target", "schedule", "run"]
    why: str
    resident: bool = False


FIELDS: Final = (
    Field("scenario", "run", "other scenarios drive other endpoints"),
    Field("kind", "target", "a local process and a container run other builds of PHP"),
    Field("architecture", "target", "sizes of values and pages are the processor's"),
    Field("php_version", "target", "sizes of values and arrays change between versions of PHP"),
    Field("php_processes", "target", "every worker fills caches and arrays of its own"),
    Field("memory_limit_bytes", "target", "a smaller memory ends runs and workers earlier"),
    Field("cpus", "target", "concurrency changes what a request meets"),
    Field("cgroup_version", "target", "the kernel counts a container's memory in other ways", resident=True),
    Field("kernel", "target", "the kernel decides how memory is taken in pages", resident=True),
    Field("profile", "schedule", "a soak and a designed load measure other things"),
    Field("rate", "schedule", "concurrency changes what a request meets"),
    Field("users", "schedule", "concurrency changes what a request meets"),
    Field("estimator", "schedule", "only the robust one leaves an array's doublings out of what is typical"),
)
FIELD_NAMES: Final = tuple(field.name for field in FIELDS)
_RECORDED_AS: Final = {"profile": "kind"}
# An image by name, of a build or of a compose project: a container all the same.
_CONTAINERS: Final = {"image": "container", "build": "container", "compose": "container"}


def unlike_fields(
    baseline: Sequence[KeptRun], candidate: Sequence[KeptRun], allowed: Sequence[str] = ()
) -> tuple[UnlikeField, ...]:
    """The fields that differ between any two of the runs. What a run didn't record can't differ."""
    runs = (*baseline, *candidate)
    resident = any(e.channel != "php_heap" for run in runs for e in run.verdict.endpoints)
    found = []
    for field in FIELDS:
        if field.resident and not resident:
            continue
        before, after = _values(field, baseline), _values(field, candidate)
        if len({repr(value) for value in (*before, *after)}) > 1:
            found.append(UnlikeField(field=field.name, baseline=before, candidate=after, allowed=field.name in allowed))
    return tuple(found)


def _values(field: Field, runs: Sequence[KeptRun]) -> tuple[Any, ...]:
    values = [_value(field, run.verdict) for run in runs]
    distinct = {repr(value): value for value in values if value is not None}
    return tuple(distinct[key] for key in sorted(distinct))


def _value(field: Field, verdict: Verdict) -> Any:
    if field.section == "run":
        return scenario_of(verdict.run_id)
    section = verdict.environment.get(field.section)
    value = section.get(_RECORDED_AS.get(field.name, field.name)) if isinstance(section, dict) else None
    if field.name == "php_version" and value is not None:
        return ".".join(str(value).split(".")[:2])
    return _CONTAINERS.get(str(value), value) if field.name == "kind" else value
