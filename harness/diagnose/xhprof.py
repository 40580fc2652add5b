"""XHProf and its successor tideways_xhprof: which functions keep memory, by calls and callers.

A profile has edges "caller==>callee" with calls (ct), time (wt, µs) and memory (mu: bytes more after than before). What
a function returns counts as kept by it and freed by its caller, so a framework's own work is taken off: as many
requests to the ready check.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from harness.diagnose.growth import FEWEST_CALLS, MOST_FRAMES, MOST_SUSPECTS, is_grown
from harness.diagnose.profiler import InPhp, profiler_injection, read_profile
from harness.diagnose.protocol import Findings, ToolOutputError
from harness.model.diagnosis import Suspect, ToolName
from harness.model.injection import Injection

EXTENSIONS = ("tideways_xhprof", "xhprof")
MISSING = (
    "the target's PHP has neither tideways_xhprof nor xhprof: add one of them to its image (Debian: php-tideways; "
    "elsewhere `pecl install xhprof` and `extension=xhprof`)"
)
COROUTINES = "calls that coroutines switch between are counted for whoever runs, so callers may be wrong"
KIND = "kept by the function itself"
FIGURES = ("ct", "wt", "cpu", "mu", "pmu")
_OURS = ("Hyperleak\\Profile\\", "Hyperleak\\Probe\\")

Edge = tuple[str, str]


@dataclass(frozen=True)
class Merged:
    """Several processes' profiles, added up."""

    edges: dict[Edge, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    internal: set[str] = field(default_factory=set)
    coroutines: list[bool] = field(default_factory=list)


@dataclass(frozen=True)
class XhProf(InPhp):
    name: ClassVar[ToolName] = "xhprof"
    how_to_get: ClassVar[str] = MISSING
    against_ready: ClassVar[bool] = True

    def injection(self, folder: Path, inside: str) -> Injection:
        return profiler_injection(folder, inside, EXTENSIONS)

    def compare(self, fewer: Sequence[Path], more: Sequence[Path], requests: int) -> Findings:
        merged = merge(more)
        edges = difference(merge(fewer), merged)
        notes = [f"{net_bytes(edges) / requests:,.1f} B/request were kept by all functions together"]
        notes += [COROUTINES] if any(merged.coroutines) else []
        return Findings(rank(edges, merged, requests), notes)


def merge(files: Iterable[Path]) -> Merged:
    """Raises ToolOutputError."""
    merged = Merged()
    for file in files:
        told = read_profile(file)
        merged.places.update(told.places)
        merged.internal.update(told.internal)
        merged.coroutines.append(told.has_coroutines)
        for name, figures in told.profile.items():
            caller, _, callee = name.rpartition("==>")
            try:
                merged.edges[caller, callee].update({key: int(figures.get(key, 0)) for key in FIGURES})
            except (AttributeError, TypeError, ValueError) as error:
                raise ToolOutputError(f"{file.name}: {name}: {error}") from error
    return merged


def difference(fewer: Merged, more: Merged) -> dict[Edge, Counter[str]]:
    """What the requests did that only the second target had; what started and asked the profiler isn't of the app."""
    grown: dict[Edge, Counter[str]] = {}
    for edge, figures in more.edges.items():
        if any(name.startswith(_OURS) for name in edge):
            continue
        before = fewer.edges.get(edge, Counter())
        grown[edge] = Counter({key: figures[key] - before[key] for key in FIGURES})
    return {edge: figures for edge, figures in grown.items() if figures["ct"] or figures["mu"]}


def net_bytes(edges: Mapping[Edge, Counter[str]]) -> int:
    """What the functions without a caller kept with all that they called."""
    return sum(figures["mu"] for (caller, _), figures in edges.items() if not caller)


def rank(edges: Mapping[Edge, Counter[str]], told: Merged, requests: int) -> list[Suspect]:
    """The functions by the memory that they kept themselves: inclusive minus their callees'.

    Those that the endpoint alone calls come before those that the ready check calls as well. What PHP's own functions
    kept is their callers'.
    """
    kept = exclusive(edges, told.internal)
    calls: Counter[str] = Counter()
    for (_, callee), figures in edges.items():
        calls[callee] += figures["ct"]
    grown = [(size, name) for name, size in kept.items() if size >= requests]
    found = [(size, name) for size, name in grown if is_grown(size / requests, calls[name] / requests)]
    found.sort(key=lambda each: (calls[each[1]] >= FEWEST_CALLS * requests, each), reverse=True)
    return [
        _suspect(name, size / requests, calls[name] / requests, _callers(name, edges), told)
        for size, name in found[:MOST_SUSPECTS]
    ]


def exclusive(edges: Mapping[Edge, Counter[str]], internal: Iterable[str]) -> Counter[str]:
    """Bytes by function; inner functions' go to their callers, by their calls."""
    own: Counter[str] = Counter()
    for (caller, callee), figures in edges.items():
        own[callee] += figures["mu"]
        if caller:
            own[caller] -= figures["mu"]
    for name in set(internal) & own.keys():
        incoming = {
            caller: max(1, figures["ct"]) for (caller, callee), figures in edges.items() if callee == name and caller
        }
        total = sum(incoming.values())
        if total:
            size = own.pop(name)
            for caller, count in incoming.items():
                own[caller] += round(size * count / total)
    return own


def _callers(name: str, edges: Mapping[Edge, Counter[str]]) -> tuple[str, ...]:
    """From the function outwards, to whoever called each most."""
    into: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for (caller, callee), figures in edges.items():
        if caller and caller != callee:
            into[callee].append((figures["ct"], figures["mu"], caller))
    stack = [name]
    while into[stack[-1]] and len(stack) < MOST_FRAMES:
        caller = max(into[stack[-1]])[2]
        if caller in stack:
            break
        stack.append(caller)
    return tuple(stack)


def _suspect(name: str, size: float, calls: float, stack: tuple[str, ...], told: Merged) -> Suspect:
    file, line = told.places.get(name, (None, None))
    return Suspect(
        where=name,
        bytes_per_request=round(size, 3),
        calls_per_request=round(calls, 3),
        kind=KIND,
        file=file,
        line=line,
        stack=stack,
    )
