"""What a run records: one header, then settled samples. The fields are the lines of `samples.jsonl`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Protocol

from pydantic import Field

from harness.model.base import Value

TRACE_FORMAT: Final = "hyperleak-trace"
TRACE_VERSION = 1

Count = Annotated[int, Field(ge=0, lt=2**63)]
Bytes = Annotated[int, Field(ge=-(2**63), lt=2**63)]
WindowKind = Literal["warmup", "load", "idle", "mix", "soak", "group"]


class CgroupReading(Value):
    """The container's charge; `anon_bytes` is the one to use (v2 `anon`, v1 `rss`)."""

    anon_bytes: Bytes
    file_bytes: Bytes | None = None
    inactive_file_bytes: Bytes | None = None
    usage_bytes: Bytes | None = None


class PhpReading(Value):
    """`heap_bytes` equals `memory_get_usage()`, `gc_runs` and `gc_roots` the runs and roots of `gc_status()`.

    Those, peak and reserved bytes are read from outside; the other fields need the probe.
    """

    heap_bytes: Bytes
    heap_peak_bytes: Bytes | None = None
    heap_reserved_bytes: Bytes | None = None
    gc_freed_bytes: Bytes | None = None
    gc_cycles: int | None = None
    gc_runs: int | None = None
    gc_roots: int | None = None
    coroutines: int | None = None
    timers: int | None = None
    resources: int | None = None


class ProcessReading(Value):
    """One process; `pid` and `started_s` (host's uptime clock) together tell a recycled worker from its forebear."""

    pid: int
    name: str = ""
    started_s: float | None = None
    rss_bytes: Bytes | None = None
    pss_bytes: Bytes | None = None
    private_dirty_bytes: Bytes | None = None
    open_fds: int | None = None
    php: PhpReading | None = None

    @property
    def key(self) -> tuple[int, float | None]:
        return (self.pid, self.started_s)


class Event(Value):
    """Something that happened to the target: worker_restart, oom_kill, target_died, channel_lost …"""

    elapsed_s: float
    kind: str
    detail: str = ""


class WindowMark(Value):
    """Which window of the schedule ended with this sample."""

    index: Count
    block: Count
    kind: WindowKind
    load_s: float = 0.0


class Sample(Value):
    """A settled sample: nothing in flight. Counts are cumulative, one number an endpoint of the header.

    `statuses` counts answers by HTTP status ("200") or by the transport's error ("connection", "timeout").
    """

    elapsed_s: float
    requests: tuple[Count, ...]
    failures: tuple[Count, ...]
    statuses: tuple[dict[str, Count], ...] | None = None
    cgroup: CgroupReading | None = None
    processes: tuple[ProcessReading, ...] = ()
    window: WindowMark | None = None
    events: tuple[Event, ...] = ()


class ProcessLike(Protocol):
    @property
    def pid(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def key(self) -> tuple[int, float | None]: ...

    @property
    def php(self) -> object | None: ...


class WindowLike(Protocol):
    @property
    def block(self) -> int: ...

    @property
    def kind(self) -> WindowKind: ...

    @property
    def load_s(self) -> float: ...


class CgroupLike(Protocol):
    @property
    def anon_bytes(self) -> int: ...


class SampleLike(Protocol):
    """What the analysis asks of a sample, however it was read."""

    @property
    def elapsed_s(self) -> float: ...

    @property
    def requests(self) -> tuple[int, ...]: ...

    @property
    def failures(self) -> tuple[int, ...]: ...

    @property
    def statuses(self) -> tuple[dict[str, int], ...] | None: ...

    @property
    def cgroup(self) -> CgroupLike | None: ...

    @property
    def processes(self) -> tuple[ProcessLike, ...]: ...

    @property
    def window(self) -> WindowLike | None: ...

    @property
    def events(self) -> tuple[Event, ...]: ...


class TraceHeader(Value):
    """First line of `samples.jsonl`; `target` and `schedule` are what is needed to repeat the run."""

    format: Literal["hyperleak-trace"] = "hyperleak-trace"
    version: Literal[1] = 1
    endpoints: tuple[str, ...]
    target: dict[str, Any] = {}
    schedule: dict[str, Any] = {}
    notes: tuple[str, ...] = ()


class Recording(Value):
    """A whole trace. `truncated` tells that the last line was cut off, as after `kill -9`."""

    header: TraceHeader
    samples: tuple[Sample, ...]
    truncated: bool = False
