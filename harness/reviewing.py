"""A review of an app's source, ranked by what a run of it measured."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from harness.history import read_record
from harness.model.review import Finding, Review
from harness.model.verdict import EndpointVerdict, Holder, Verdict
from harness.review import inspect_folder
from harness.review.inspection import ranked

_INNER = re.compile(r"^(\$GLOBALS\['[^']*'\]|.+?(?:::\$\w+|->\w+))(?:[\[-].*)?$")


def review_app(folder: Path, run: Path | None) -> Review:
    """Reviews `folder`; with the record of `run`, what it measured comes first. Raises InputError."""
    review = inspect_folder(folder)
    return review if run is None else with_run(review, read_record(run))


def with_run(review: Review, verdict: Verdict) -> Review:
    """Marks as measured what a leak's holder is; timers and coroutines by the file in which they are started."""
    leaking = [(e, holder) for e in verdict.endpoints if e.verdict == "leak" for holder in e.holders]
    findings = [_measured(finding, leaking) for finding in review.findings]
    return review.model_copy(update={"findings": ranked(findings), "run_id": verdict.run_id})


def _measured(finding: Finding, leaking: list[tuple[EndpointVerdict, Holder]]) -> Finding:
    for endpoint, holder in leaking:
        same = bool(finding.holder) and finding.holder == _container(holder.path)
        if same or (not finding.holder and finding.cause == endpoint.cause and _same_file(finding.file, holder)):
            found = {"endpoint": endpoint.name, "bytes_per_request": holder.bytes_per_request, "likelihood": "measured"}
            return finding.model_copy(update=found)
    return finding


def _container(path: str) -> str:
    """`App\\Cache->items` of `App\\Cache->items['de'][3]`."""
    match = _INNER.match(path)
    return match[1] if match else path


def _same_file(file: str, holder: Holder) -> bool:
    """The source's file at the end of the target's, which lies in a folder of its own there."""
    inside = PurePosixPath(holder.file or "").parts
    parts = PurePosixPath(file).parts
    return bool(inside) and inside[-len(parts) :] == parts
