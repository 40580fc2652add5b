"""Which way the PHP heaps are read: from this process, or by a sidecar where the host or the rights are missing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

import psutil

from harness.errors import SampleError
from harness.model.target import TargetHandle
from harness.sample.cgroup_engine import ENGINE_ERRORS
from harness.sample.heap import HeapReader
from harness.sample.processes import ProcessTable, namespaced_pid
from harness.sample.sidecar import SidecarHeapReader, start_sidecar
from harness.sample.zend_mm import HeapReading

if TYPE_CHECKING:
    from docker import DockerClient

_TRIES = 4
_TRY_PAUSE_S = 0.05


class Heaps(Protocol):
    """`refusals` tells why the last `read` has no reading for a process; `absent` are those of them without PHP."""

    refusals: dict[int, str]
    absent: set[int]

    def read(self, pids: Iterable[int]) -> Mapping[int, HeapReading | None]:
        """Raises SampleError when the way itself is gone."""

    def started_s(self, pid: int) -> float | None: ...

    def close(self) -> None: ...


class OwnPids:
    """A sidecar's heaps under this host's pids, for a container whose processes are seen here but not their memory."""

    def __init__(self, inner: SidecarHeapReader) -> None:
        self.refusals: dict[int, str] = {}
        self.absent: set[int] = set()
        self._inner = inner

    def read(self, pids: Iterable[int]) -> dict[int, HeapReading | None]:
        inside = {own: pid for pid in pids if (own := namespaced_pid(pid)) is not None}
        readings = self._inner.read(inside) if inside else {}
        self.refusals = {inside[own]: reason for own, reason in self._inner.refusals.items() if own in inside}
        self.absent = {inside[own] for own in self._inner.absent if own in inside}
        return {inside[own]: heap for own, heap in readings.items() if own in inside}

    def started_s(self, pid: int) -> float | None:
        own = namespaced_pid(pid)
        return None if own is None else self._inner.started_s(own)

    def close(self) -> None:
        self._inner.close()


class OpenedHeaps(NamedTuple):
    """The way that could be opened, and what is missing ("" if nothing is)."""

    heaps: Heaps | None
    note: str


def open_heaps(
    handle: TargetHandle, table: ProcessTable | None, client: DockerClient | None, labels: Mapping[str, str]
) -> OpenedHeaps:
    """Reads from here where every PHP process of the target lets itself be read, else by a sidecar marked `labels`."""
    reader, refusal = _from_here(table)
    if reader is not None and not refusal:
        return OpenedHeaps(reader, "")
    if client is None or handle.container_id is None:
        return OpenedHeaps(reader, refusal)
    try:
        sidecar = _beside(client, handle.container_id, labels)
    except SampleError as error:
        return OpenedHeaps(reader, f"{refusal}; {error.message} ({error.hint})")
    if reader is not None:
        reader.close()
    return OpenedHeaps(OwnPids(sidecar) if table else sidecar, "")


def _from_here(table: ProcessTable | None) -> tuple[HeapReader | None, str]:
    """The reader, and why it doesn't read every PHP process; one that is just being started gets more tries."""
    if table is None or not psutil.LINUX:
        return None, "PHP heaps are read on the Linux host that runs the target, and this isn't it"
    reader = HeapReader()
    for _ in range(_TRIES):
        readings = reader.read(table.pids())
        refused = sorted({reason for pid, reason in reader.refusals.items() if pid not in reader.absent})
        if not refused:
            break
        time.sleep(_TRY_PAUSE_S)
    if refused:
        return reader, "; ".join(refused)
    return reader, "" if any(readings.values()) else f"none of the target's {len(readings)} processes runs PHP"


def _beside(client: DockerClient, container_id: str, labels: Mapping[str, str]) -> SidecarHeapReader:
    try:
        image = client.api.inspect_container(container_id)["Image"]
    except ENGINE_ERRORS as error:
        raise SampleError(f"the container can't be inspected: {error}", hint="is it still running?") from error
    return start_sidecar(client, container_id, image, labels)
