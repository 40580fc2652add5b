"""A review of source for a person at a terminal, and as SARIF for a code host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

import harness
from harness.model.review import Finding, Review
from harness.report.printable import one_line
from harness.report.sarif_parts import artifact, document, message
from harness.report.wording import size_of

_LEVELS: Final = {"measured": "error", "likely": "warning", "possible": "note"}
_STYLES: Final = {"measured": "bold red", "likely": "yellow", "possible": "cyan"}
RULES: Final = {
    "growing-static": "A static property grows: give it a limit, or keep the data in the request's own context.",
    "growing-function-static": "A function's static variable grows: give it a limit.",
    "growing-global": "A global grows: unset it at the end of the request, or don't write to it.",
    "growing-property": "A property of a service grows: services live on, keep nothing of a request in them.",
    "stored-closure": "Closures are stored for each request: register once at the start, or remove it at the end.",
    "kept-resource": "Opened handles or connections are kept: close them, or give them back, in a finally block.",
    "skipped-release": "What a request put aside stays when something throws: take it out in a finally block.",
    "unreturned-connection": "A pool's connection isn't given back on every path: release it in a finally block.",
    "kept-by-key": "A library keeps an entry for every key: use few keys, or have the entry forgotten.",
    "uncleared-timer": "A timer is started for each request: clear it when the request that made it ends.",
    "endless-coroutine": "A coroutine of a request never ends: give channels and locks a timeout.",
    "native-memory": "Native memory isn't freed: PHP's heap doesn't show it, and nothing collects it.",
    "unreasoned-suppression": "A comment would suppress a finding, but doesn't say which rule or why.",
}


def render_review(review: Review, *, possible: bool) -> RenderableType:
    """The number first, then each finding; the merely possible ones only where they are asked for."""
    parts: list[RenderableType] = [_headline(review)]
    shown = [f for f in review.findings if not f.suppressed and (possible or f.likelihood != "possible")]
    for finding in shown:
        parts += [Text(), *_lines(finding)]
    hidden = sum(1 for f in review.findings if not f.suppressed) - len(shown)
    suppressed = sum(1 for f in review.findings if f.suppressed)
    closing = [
        f"{hidden} more are possible, but not shown to be in a request's path: --possible lists them" if hidden else "",
        f"{suppressed} suppressed in the source" if suppressed else "",
        *(f"{one_line(file)} was not read: {one_line(why)}" for file, why in review.unread.items()),
    ]
    told = [Text(line, style="dim") for line in closing if line]
    return Group(*parts, *([Text(), *told] if told else []))


def render_review_sarif(review: Review) -> str:
    """One run of SARIF 2.1.0; suppressed findings are in it with their reason, as its `suppressions` want it."""
    rules = list(RULES)
    run = {
        "tool": {"driver": {"name": "hyperleak review", "version": harness.__version__, "rules": _rules()}},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": list(_unread(review))}],
        "columnKind": "utf16CodeUnits",
        "results": [_result(finding, rules.index(finding.rule)) for finding in review.findings],
    }
    return document(run)


def _headline(review: Review) -> Text:
    counts = Counter(f.likelihood for f in review.findings if not f.suppressed)
    where = f"{review.files:,} files, {review.lines:,} lines"
    if not counts["measured"] and not counts["likely"]:
        return Text(f"Nothing in a request's path looks like a leak ({where})", style="green")
    parts = [f"{counts[kind]} {kind}" for kind in ("measured", "likely") if counts[kind]]
    return Text(f"{', '.join(parts)} ({where})", style="bold")


def _lines(finding: Finding) -> Iterable[RenderableType]:
    size = f" {size_of(finding.bytes_per_request)}/request" if finding.bytes_per_request is not None else ""
    head = Text(f"{one_line(finding.file)}:{finding.line}  ")
    head.append(finding.likelihood + size, style=_STYLES[finding.likelihood])
    head.append(f"  {finding.rule}", style="dim")
    yield head
    told = [Text(one_line(finding.message))]
    if finding.endpoint:
        told.append(Text(f"measured on {one_line(finding.endpoint)}"))
    told.append(Text(f"→ {RULES[finding.rule].partition(': ')[2] or RULES[finding.rule]}", style="dim"))
    yield Padding(Group(*told), (0, 0, 0, 2))


def _rules() -> list[dict[str, Any]]:
    return [
        {"id": rule, "shortDescription": {"text": said.partition(": ")[0]}, "help": {"text": said}}
        for rule, said in RULES.items()
    ]


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    named = f"{finding.rule} {finding.holder or finding.function} {finding.file}"
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": _LEVELS[finding.likelihood],
        "message": message(finding.message),
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": artifact(finding.file),
                    "region": {"startLine": finding.line, "startColumn": finding.column},
                },
                "logicalLocations": [{"fullyQualifiedName": one_line(finding.holder or finding.function)}],
            }
        ],
        "partialFingerprints": {"finding/v1": sha256(named.encode("utf-8", "surrogatepass")).hexdigest()},
        "properties": {"cause": finding.cause, "likelihood": finding.likelihood},
    }
    if finding.suppressed:
        result["suppressions"] = [{"kind": "inSource", "justification": one_line(finding.suppressed)}]
    return result


def _unread(review: Review) -> Iterable[dict[str, Any]]:
    for file, why in review.unread.items():
        yield {"level": "warning", "message": message(f"{file} was not read: {why}")}
