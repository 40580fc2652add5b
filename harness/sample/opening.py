"""Opens the best channels that a target, this host and our rights allow, and notes what is missing and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import psutil

from harness.errors import SampleError
from harness.model.target import TargetHandle
from harness.sample.cgroup import OpenedCgroup, open_cgroup
from harness.sample.cgroup_files import CgroupFiles, is_member
from harness.sample.charge import CgroupSource
from harness.sample.collector import CollectorReader
from harness.sample.heap import HeapReader
from harness.sample.heaps import OpenedHeaps, open_heaps
from harness.sample.processes import ProcessTable
from harness.sample.sampler import Sampler

if TYPE_CHECKING:
    from docker import DockerClient

_WAYS = {"exec": "a shell in the container", "stats": "Docker's stats API"}


def open_sampler(
    handle: TargetHandle, *, heap: bool, client: DockerClient | None, labels: Mapping[str, str]
) -> Sampler:
    """A sampler for the running target; `labels` mark what may have to be started beside it.

    SampleError: nothing of the target's memory can be read.
    """
    opened = open_cgroup(handle, client)
    table = _open_table(handle, opened.source)
    notes = _charge_notes(handle, opened) | _table_notes(table)
    heaps = open_heaps(handle, table, client, labels) if heap else OpenedHeaps(None, "sampling.heap is false")
    if heaps.note:
        notes["heap"] = f"the PHP heaps are not read: {heaps.note}"
    collectors = CollectorReader() if isinstance(heaps.heaps, HeapReader) else None
    sampler = Sampler(cgroup=opened.source, table=table, heaps=heaps.heaps, notes=notes, collectors=collectors)
    try:
        sampler.read()
    except SampleError:
        sampler.close()
        raise
    return sampler


def _open_table(handle: TargetHandle, source: CgroupSource | None) -> ProcessTable | None:
    """None where the processes run on another host, or in a namespace that is hidden here."""
    if handle.root_pid is None:
        return None
    if handle.container_id is None:
        return ProcessTable(handle.root_pid, exact_always=True)
    if isinstance(source, CgroupFiles):
        return ProcessTable(handle.root_pid, members=source.pids)
    return ProcessTable(handle.root_pid) if is_member(handle.root_pid, handle.container_id) else None


def _charge_notes(handle: TargetHandle, opened: OpenedCgroup) -> dict[str, str]:
    if handle.container_id is None:
        return {"cgroup": "a local process has no cgroup of its own: its processes' private memory stands for it"}
    if opened.source is not None and opened.source.kind == "files":
        return {}
    reasons = "; ".join(refusal.message + (f" ({refusal.hint})" if refusal.hint else "") for refusal in opened.refusals)
    reasons = reasons or "the engine runs on another host"
    if opened.source is None:
        return {"cgroup": f"the container's memory can't be read: {reasons}"}
    return {"cgroup": f"the container's memory is read through {_WAYS[opened.source.kind]}: {reasons}"}


def _table_notes(table: ProcessTable | None) -> dict[str, str]:
    if table is None:
        return {
            "processes": "the container's processes can't be seen from here: no RSS, open files or restarts of them"
        }
    if not psutil.LINUX:
        return {"processes": "without Linux's /proc a process tells only its RSS, which moves in coarse steps"}
    return {}
