"""How the container's memory is read: this host's files, a shell in the container, or Docker's stats."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import SampleError
from harness.model.target import TargetHandle
from harness.sample.cgroup_engine import CgroupExec, CgroupStats
from harness.sample.cgroup_files import CgroupFiles, locate_cgroup
from harness.sample.charge import CgroupSource

if TYPE_CHECKING:
    from docker import DockerClient


class OpenedCgroup(NamedTuple):
    """The best source that could be opened, and why each better one was refused."""

    source: CgroupSource | None
    refusals: tuple[SampleError, ...]


def open_cgroup(handle: TargetHandle, client: DockerClient | None) -> OpenedCgroup:
    """The cgroup of the target's container; none for local processes, which share theirs with others."""
    if handle.container_id is None:
        return OpenedCgroup(None, ())
    refusals: list[SampleError] = []
    for attempt in _attempts(handle.container_id, handle.root_pid, client):
        try:
            return OpenedCgroup(attempt(), tuple(refusals))
        except SampleError as error:
            refusals.append(error)
    return OpenedCgroup(None, tuple(refusals))


def _attempts(container_id: str, root_pid: int | None, client: DockerClient | None) -> list[Callable[[], CgroupSource]]:
    attempts: list[Callable[[], CgroupSource]] = []
    if root_pid is not None:
        attempts.append(lambda: CgroupFiles(locate_cgroup(root_pid, container_id)))
    if client is not None:
        attempts.append(lambda: CgroupExec(client, container_id))
        attempts.append(lambda: CgroupStats(client, container_id))
    return attempts
