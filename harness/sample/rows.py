"""Lines of a recording decoded for a single pass, in a tenth of the time and memory that the models take.

The models say what a line is: these have their fields and bounds, and a line that is refused here is for them to read,
or to tell what is wrong with it.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, MsgspecError, Struct
from msgspec.json import Decoder

from harness.model.samples import WindowKind

_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Bytes = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class CgroupRow(Struct, frozen=True, gc=False):
    anon_bytes: _Bytes
    file_bytes: _Bytes | None = None
    inactive_file_bytes: _Bytes | None = None
    usage_bytes: _Bytes | None = None


class PhpRow(Struct, frozen=True, gc=False):
    heap_bytes: _Bytes
    heap_peak_bytes: _Bytes | None = None
    heap_reserved_bytes: _Bytes | None = None
    gc_freed_bytes: _Bytes | None = None
    gc_cycles: int | None = None
    gc_runs: int | None = None
    gc_roots: int | None = None
    coroutines: int | None = None
    timers: int | None = None
    resources: int | None = None


class ProcessRow(Struct, frozen=True, gc=False):
    pid: int
    name: str = ""
    started_s: float | None = None
    rss_bytes: _Bytes | None = None
    pss_bytes: _Bytes | None = None
    private_dirty_bytes: _Bytes | None = None
    open_fds: int | None = None
    php: PhpRow | None = None

    @property
    def key(self) -> tuple[int, float | None]:
        return (self.pid, self.started_s)


class WindowRow(Struct, frozen=True, gc=False):
    index: _Count
    block: _Count
    kind: WindowKind
    load_s: float = 0.0


class SampleRow(Struct, frozen=True):
    """A sample without events, which are few; one with events is read by its model."""

    elapsed_s: float
    requests: tuple[_Count, ...]
    failures: tuple[_Count, ...]
    statuses: tuple[dict[str, _Count], ...] | None = None
    cgroup: CgroupRow | None = None
    processes: tuple[ProcessRow, ...] = ()
    window: WindowRow | None = None
    events: tuple[Any, ...] = ()


_DECODER = Decoder(SampleRow)


def sample_row(text: bytes) -> SampleRow | None:
    """None of a line that has to be read by its model."""
    try:
        row = _DECODER.decode(text)
    except (MsgspecError, ValueError, RecursionError):
        return None
    return None if row.events else row
