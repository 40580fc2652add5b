"""A verdict for a person at a terminal: the answer first, then the table, then what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.model.verdict import EndpointVerdict, Verdict
from harness.report.printable import one_line
from harness.units import format_size

_STYLES = {
    "leak": "bold red",
    "clean": "green",
    "bounded": "cyan",
    "garbage": "cyan",
    "inconclusive": "yellow",
}
_CHANNELS = {
    "php_heap": "the PHP heaps",
    "anon": "the container's anonymous memory",
    "private_dirty": "the processes' private memory",
    "rss": "the processes' resident memory",
}
_CAUSES = {
    "static": "a static property or variable",
    "global": "a global variable",
    "closure": "closures that are kept, with what they capture",
    "resource": "resources that are not released",
    "extension": "native memory of an extension",
    "singleton": "a property of an object that lives on",
    "coroutine": "coroutines that never end",
    "timer": "timers that are never cleared",
}
_ORDER = ("leak", "inconclusive", "garbage", "bounded", "clean")
_UNKNOWN_BYTES = 2.0**40


def render_verdict(verdict: Verdict, *, folder: Path | None = None) -> RenderableType:
    """The whole answer; `folder` is where the run keeps its samples and record."""
    parts: list[RenderableType] = [headline(verdict), Text(), _table(verdict)]
    parts.append(_bullets(_remarks(verdict)))
    if folder is not None:
        parts += [Text(), Text(f"Kept in {folder}", style="dim")]
    return Group(*parts)


def headline(verdict: Verdict) -> Text:
    """One line that answers "is there a leak, and where"."""
    leaks = sorted(_with(verdict, "leak"), key=lambda e: -e.bytes_per_request)
    if leaks:
        named = ", ".join(f"{one_line(e.name)} {_bytes(e.bytes_per_request)}/request" for e in leaks)
        return Text(f"LEAK: {named}", style=_STYLES["leak"])
    if verdict.outcome == "leak":
        together = _bytes(verdict.unattributed_bytes_per_request)
        return Text(f"LEAK: no endpoint by itself, {together}/request together", style=_STYLES["leak"])
    if verdict.outcome == "clean":
        limit = max((e.upper_limit_bytes_per_request or 0.0 for e in verdict.endpoints), default=0.0)
        return Text(f"CLEAN: no endpoint keeps as much as {_bytes(max(limit, 1.0))}/request", style=_STYLES["clean"])
    open_ones = _with(verdict, "inconclusive")
    return Text(
        f"INCONCLUSIVE: could not tell for {len(open_ones)} of {len(verdict.endpoints)} endpoints",
        style=_STYLES["inconclusive"],
    )


def _table(verdict: Verdict) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("endpoint", overflow="fold", min_width=24)
    table.add_column("verdict", no_wrap=True)
    for title in ("B/request", "95% limits", "requests"):
        table.add_column(title, justify="right", no_wrap=True)
    for endpoint in sorted(verdict.endpoints, key=lambda e: (_ORDER.index(e.verdict), -e.bytes_per_request)):
        table.add_row(
            Text(one_line(endpoint.name)),
            Text(endpoint.verdict, style=_STYLES[endpoint.verdict]),
            _known(endpoint.bytes_per_request),
            _limits(endpoint),
            f"{endpoint.requests:,}",
        )
    return table


def _bullets(remarks: Iterable[str]) -> Table:
    """One a line, wrapped beside the bullet; what begins with blanks belongs to the one before."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for remark in remarks:
        grid.add_row("" if remark.startswith(" ") else "•", Text(one_line(remark.strip())))
    return grid


def _remarks(verdict: Verdict) -> Iterable[str]:
    for endpoint in sorted(_with(verdict, "leak"), key=lambda e: -e.bytes_per_request):
        yield from _story(endpoint)
    for endpoint in verdict.endpoints:
        if endpoint.note:
            yield f"{endpoint.name}: {endpoint.note}"
        elif endpoint.verdict == "inconclusive" and endpoint.detectable_bytes_per_request:
            yield f"{endpoint.name}: {_open_question(endpoint)}"
        if endpoint.failures:
            counts = ", ".join(f"{count:,} × {status}" for status, count in sorted(endpoint.failures.items()))
            yield f"{endpoint.name}: unexpected answers ({counts})"
    if verdict.time_driven_bytes_per_second:
        yield f"grows by {_bytes(verdict.time_driven_bytes_per_second)}/s with no traffic at all: no endpoint's fault"
    if verdict.unattributed_bytes_per_request:
        together = _bytes(verdict.unattributed_bytes_per_request)
        yield f"all endpoints together keep {together}/request more than each by itself"
    yield from _event_lines(verdict)
    yield from verdict.notes


def _story(endpoint: EndpointVerdict) -> Iterable[str]:
    """What leaks, how much, and who holds it, in sentences."""
    size, limits = _bytes(endpoint.bytes_per_request), "-".join(_known(limit) for limit in endpoint.ci95)
    cause = "cause not known" if endpoint.cause == "unknown" else _CAUSES[endpoint.cause]
    yield f"{endpoint.name} leaks {size}/request (95% {limits}) in {_CHANNELS[endpoint.channel]}: {cause}"
    for holder in endpoint.holders:
        place = f", {holder.file}:{holder.line}" if holder.file else ""
        elements = f", {_elements(holder.elements_per_request)}" if holder.elements_per_request >= 0.01 else ""
        yield f"  {holder.path}{place}: {_bytes(holder.bytes_per_request)}{elements}"


def _open_question(endpoint: EndpointVerdict) -> str:
    if endpoint.ci95[0] > 0:
        return f"grows by {_bytes(endpoint.bytes_per_request)}/request, but not yet surely by more than the threshold"
    return f"a leak under {_bytes(endpoint.detectable_bytes_per_request or 0.0)}/request is not seen yet"


def _elements(per_request: float) -> str:
    if round(per_request, 2) == 1:
        return "one more element per request"
    return f"{per_request:.3g} more elements per request"


def _event_lines(verdict: Verdict) -> Iterable[str]:
    kinds: dict[str, list[str]] = {}
    for event in verdict.events:
        kinds.setdefault(event.kind, []).append(f"at {event.elapsed_s:.1f} s {event.detail}".rstrip())
    for kind, details in kinds.items():
        more = f" and {len(details) - 2} more" if len(details) > 2 else ""
        yield f"{kind.replace('_', ' ')}: {'; '.join(details[:2])}{more}"


def _with(verdict: Verdict, outcome: str) -> list[EndpointVerdict]:
    return [endpoint for endpoint in verdict.endpoints if endpoint.verdict == outcome]


def _limits(endpoint: EndpointVerdict) -> str:
    low, high = endpoint.ci95
    return f"{_known(low)} … {_known(high)}" if abs(high) < _UNKNOWN_BYTES else "unknown"


def _known(value: float) -> str:
    if abs(value) >= _UNKNOWN_BYTES:
        return "unknown"
    return f"{round(value) + 0:,}" if abs(value) >= 10 or round(value) == 0 else f"{value:.1f}"


def _bytes(value: float) -> str:
    return format_size(value) if abs(value) < _UNKNOWN_BYTES else "unknown"
