"""What the probe in the app's workers is given and what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple, Self

from pydantic import Field, model_validator

from harness.model.base import Value
from harness.model.injection import Injection
from harness.model.samples import PhpReading
from harness.model.verdict import Cause, Holder


class ProbeInjection(Injection):
    """What a target needs at its start so that its PHP processes load the probe, which answers in `answers`."""

    signal: int

    @property
    def answers(self) -> Path:
        """Where the workers write; open to every user, as theirs may be any."""
        return self.folder / "answers"


class OpcacheUse(Value):
    used_bytes: int
    scripts: int


class SettleAnswer(Value):
    """A worker's state after it ran the cycle collector; `pid` is its own view, of its pid namespace.

    Bytes are those of `memory_get_usage()` and its like. `gc_cycles` None: a destructor has still to end. `coroutines`
    and `timers` are Swoole's, None without it. `uptime_s` counts from the app's start. `after_s`: how long after the
    request the answer was here.
    """

    id: int
    pid: int
    heap_bytes: int
    heap_peak_bytes: int
    heap_reserved_bytes: int
    gc_cycles: int | None = None
    gc_freed_bytes: int | None = None
    coroutines: int | None = None
    timers: int | None = None
    resources: dict[str, int] = {}
    classes: int
    opcache: OpcacheUse | None = None
    uptime_s: float
    after_s: float = 0.0

    def reading(self) -> PhpReading:
        """The same as a sample records it."""
        return PhpReading(
            heap_bytes=self.heap_bytes,
            heap_peak_bytes=self.heap_peak_bytes,
            heap_reserved_bytes=self.heap_reserved_bytes,
            gc_freed_bytes=self.gc_freed_bytes,
            gc_cycles=self.gc_cycles,
            coroutines=self.coroutines,
            timers=self.timers,
            resources=sum(self.resources.values()),
        )


class Place(NamedTuple):
    """Where memory can be held: reached from `parent` (an index, -1 for the root) by a step of a kind.

    Kinds: static, global, variable, frame, argument, coroutine, context, timer, autoloader, property, element,
    captured, this. `holds`: array, string, "object CLASS", "closure FILE:LINE", "resource TYPE", coroutine, timer.
    `elements` are those of its arrays; `bytes` is without what the places below it hold.
    """

    parent: int
    kind: str
    step: str
    holds: str
    instances: float
    elements: float
    bytes: float


class Declaration(NamedTuple):
    """Where a class is declared; `next` are its traits and its parent."""

    file: str
    first_line: int
    last_line: int
    next: tuple[str, ...]


class Census(SettleAnswer):
    """Everything reachable in one worker. `stopped` is "" or what ended the walk before its end: "time", "memory"."""

    places: tuple[Place, ...]
    declarations: dict[str, Declaration] = {}
    sources: tuple[str, ...] = ()
    walked: int = 0
    stopped: str = ""
    census_s: Annotated[float, Field(ge=0)] = 0.0

    @property
    def complete(self) -> bool:
        return not self.stopped

    @model_validator(mode="after")
    def _parents_come_first(self) -> Self:
        if any(place.parent >= index for index, place in enumerate(self.places)):
            raise ValueError("a place comes before the one that it is in")
        return self


class Growth(Value):
    """A holder that grew between two censuses, and the cause that what it holds points to."""

    holder: Holder
    cause: Cause
