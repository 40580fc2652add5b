"""SARIF 2.1.0 for code scanning: a rule a cause, a result a leak, at the line where its holder is declared.

Errors of the run and endpoints that could not be decided are notifications: SARIF without results means "looked and
found nothing", which would be untrue of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final, get_args

import harness
from harness.model.verdict import Cause, EndpointVerdict, Holder, Verdict
from harness.report.printable import one_line
from harness.report.sarif_parts import artifact, document, message
from harness.report.wording import (
    CAUSES,
    TOGETHER,
    blames_no_endpoint,
    endpoint_remarks,
    leaks,
    place,
    run_remarks,
    scenario_of,
    share,
    story,
    together,
)

_RULES: Final[tuple[Cause, ...]] = get_args(Cause)
_HELP: Final[dict[Cause, str]] = {
    "static": "Give the static array a limit, or keep the data in the request's own context.",
    "global": "Unset the global at the end of the request, or don't write to it from a request.",
    "closure": "Register the callback once at start-up, or remove it when the request ends.",
    "resource": "Close the file, socket or handle in a finally block.",
    "extension": "Free what the extension allocated, or update it; PHP's own heap doesn't show this memory.",
    "singleton": "Services live as long as the worker: keep nothing of a request in their properties.",
    "coroutine": "See that every coroutine ends: give channels and locks a timeout.",
    "timer": "Clear the timer when the request that made it ends.",
    "unknown": "Run again with the probe to have the holder named, or take a second opinion of an outside tool.",
}

_MEASURED: Final = {
    "bytes_per_request", "ci95", "p_value", "randomisation_p_value", "requests", "channel", "per_request"
}  # fmt: skip


def render_sarif(verdict: Verdict) -> str:
    """One run, as ASCII. A result's fingerprint is its endpoint's alone, so it stays the same while the line moves."""
    results = [_result(endpoint) for endpoint in leaks(verdict)]
    if verdict.outcome == "leak" and blames_no_endpoint(verdict):
        results.append(_finding("unknown", TOGETHER, together(verdict)))
    run = {
        "tool": {"driver": {"name": "hyperleak", "version": harness.__version__, "rules": [_rule(c) for c in _RULES]}},
        "automationDetails": {"id": f"{scenario_of(verdict.run_id)}/{verdict.run_id}"},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": list(_notifications(verdict))}],
        "columnKind": "utf16CodeUnits",
        "results": results,
        "properties": {"outcome": verdict.outcome},
    }
    return document(run)


def _rule_id(cause: Cause) -> str:
    return f"leak-{cause}"


def _rule(cause: Cause) -> dict[str, Any]:
    said = "Memory leak, its cause not known" if cause == "unknown" else f"Memory leak: {CAUSES[cause]}"
    return {
        "id": _rule_id(cause),
        "name": f"{cause.capitalize()}Leak",
        "shortDescription": {"text": said},
        "fullDescription": {"text": f"{said}. Every request keeps memory that the worker never gives back."},
        "help": {"text": _HELP[cause]},
        "defaultConfiguration": {"level": "error"},
    }


def _result(endpoint: EndpointVerdict) -> dict[str, Any]:
    held = "".join(f"; held by {_described(holder)}" for holder in endpoint.holders)
    result = _finding(endpoint.cause, endpoint.name, f"{endpoint.name} {story(endpoint)}{held}")
    placed = [holder for holder in endpoint.holders if holder.file]
    if placed:
        result["locations"] = [_location(placed[0])]
    if len(placed) > 1:
        result["relatedLocations"] = [
            _location(holder) | {"id": number, "message": message(_described(holder))}
            for number, holder in enumerate(placed[1:], start=1)
        ]
    result["properties"] |= endpoint.model_dump(mode="json", include=_MEASURED, exclude_none=True)
    return result


def _finding(cause: Cause, name: str, text: str) -> dict[str, Any]:
    fingerprint = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return {
        "ruleId": _rule_id(cause),
        "ruleIndex": _RULES.index(cause),
        "level": "error",
        "message": message(text),
        "partialFingerprints": {"endpoint/v1": fingerprint},
        "properties": {"endpoint": name},
    }


def _described(holder: Holder) -> str:
    where = f" ({place(holder)})" if holder.file else ""
    return f"{holder.path}{where}: {share(holder)}"


def _location(holder: Holder) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": artifact(holder.file or "")}
    if holder.line is not None and holder.line >= 1:
        physical["region"] = {"startLine": holder.line}
    return {"physicalLocation": physical, "logicalLocations": [{"fullyQualifiedName": one_line(holder.path)}]}


def _notifications(verdict: Verdict) -> Iterable[dict[str, Any]]:
    for endpoint in verdict.endpoints:
        level = "warning" if endpoint.verdict == "inconclusive" else "note"
        for remark in endpoint_remarks(endpoint):
            text = f"{endpoint.name}: {endpoint.verdict}: {remark}"
            yield {"level": level, "message": message(text), "properties": {"endpoint": endpoint.name}}
    if verdict.outcome == "inconclusive" and blames_no_endpoint(verdict):
        yield {"level": "warning", "message": message(together(verdict))}
    for remark in run_remarks(verdict):
        yield {"level": "note", "message": message(remark)}
