"""php-memprof: the memory that is not freed at the end, by the call stack that allocated it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.diagnose.growth import suspects_of
from harness.diagnose.profiler import InPhp, Profile, profiler_injection, read_profile
from harness.diagnose.protocol import Allocation, Findings, ToolOutputError
from harness.diagnose.xhprof import COROUTINES
from harness.model.diagnosis import Suspect, ToolName
from harness.model.injection import Injection

MISSING = (
    "the target's PHP has no memprof extension: add it to its image (libjudy-dev, then `pecl install memprof` and "
    "`extension=memprof`)"
)
KIND = "not freed"
_OURS = ("Hyperleak\\Profile\\", "Hyperleak\\Probe\\")


@dataclass(frozen=True)
class Memprof(InPhp):
    name: ClassVar[ToolName] = "memprof"
    how_to_get: ClassVar[str] = MISSING

    def injection(self, folder: Path, inside: str) -> Injection:
        return profiler_injection(folder, inside, ["memprof"], MEMPROF_PROFILE="1")

    def compare(self, fewer: Sequence[Path], more: Sequence[Path], requests: int) -> Findings:
        before, after = ([(file.name, read_profile(file)) for file in files] for files in (fewer, more))
        internal = frozenset(name for _, told in after for name in told.internal)
        suspects = suspects_of(
            [found for name, told in before for found in _allocations(name, told)],
            [found for name, told in after for found in _allocations(name, told)],
            requests,
            where=lambda stack: next((i for i, frame in enumerate(stack) if frame not in internal), 0),
        )
        places = {name: place for _, told in after for name, place in told.places.items()}
        notes = [COROUTINES] if any(told.has_coroutines for _, told in after) else []
        return Findings([_placed(suspect, places) for suspect in suspects], notes)


def _allocations(file: str, told: Profile) -> list[Allocation]:
    try:
        return list(_below(told.profile, ()))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ToolOutputError(f"{file}: not a profile of memprof: {error!r}") from error


def _below(node: Mapping[str, Any], stack: tuple[str, ...]) -> Iterator[Allocation]:
    if node["memory_size"] and stack:
        yield Allocation(stack, int(node["memory_size"]), int(node["blocks_count"]), KIND)
    for name, called in dict(node["called_functions"] or {}).items():
        if not name.startswith(_OURS):
            yield from _below(called, (name, *stack))


def _placed(suspect: Suspect, places: Mapping[str, tuple[str, int]]) -> Suspect:
    file, line = places.get(suspect.where, (None, None))
    return suspect.model_copy(update={"file": file, "line": line})
