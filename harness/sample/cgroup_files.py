"""The container's cgroup read straight from this host's files; the cheapest source, 20 µs a reading."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from harness.errors import SampleError
from harness.model.samples import CgroupReading
from harness.sample.charge import EVENTS_FILES, STAT_FILE, USAGE_FILES, charge, parse_flat, parse_oom_kills

PROC = Path("/proc")
_READ_BYTES = 16384
_LINKS_WITHOUT_CHILD = 2


class CgroupPlace(NamedTuple):
    """The directory of a container's memory cgroup as this host shows it."""

    version: int
    directory: Path


class _Mount(NamedTuple):
    root: str
    point: str
    kind: str
    options: frozenset[str]

    def shows_memory(self, version: int) -> bool:
        if version == 2:
            return self.kind == "cgroup2"
        return self.kind == "cgroup" and "memory" in self.options


def locate_cgroup(pid: int, container_id: str, proc: Path = PROC) -> CgroupPlace:
    """Where the memory cgroup of the container is, found through its process `pid`.

    The container's id must be in the cgroup's path: a pid told by an engine in a virtual machine belongs to
    somebody else here. A sub-cgroup (a container that runs systemd) is left for the container's own.
    SampleError says why there is none.
    """
    version, path = _memory_path(_read_text(proc / str(pid) / "cgroup", f"process {pid} of the container"))
    parts = path.split("/")
    own = next((index for index, part in enumerate(parts) if container_id in part), None)
    if own is None:
        raise SampleError(
            f"process {pid} on this host is not of container {container_id[:12]} (its cgroup is {path})",
            hint="the engine runs in another machine or namespace; run hyperleak beside it for more channels",
        )
    return CgroupPlace(version, _visible(version, "/".join(parts[: own + 1]), proc))


def is_member(pid: int, container_id: str, proc: Path = PROC) -> bool:
    """Whether the process `pid` of this host is one of the container."""
    try:
        return container_id in _read_text(proc / str(pid) / "cgroup", "")
    except SampleError:
        return False


def _memory_path(text: str) -> tuple[int, str]:
    """Version and path of the memory controller in /proc/PID/cgroup; a v1 line wins, as on hybrid hosts."""
    unified = None
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return 1, path
        if not controllers:
            unified = path
    if unified is None:
        raise SampleError("the kernel has no memory cgroup", hint="boot it with cgroup_enable=memory")
    return 2, unified


def _visible(version: int, path: str, proc: Path) -> Path:
    for mount in _mounts(_read_text(proc / "self" / "mountinfo", "the mounts of this host")):
        directory = _below(mount, path) if mount.shows_memory(version) else None
        if directory is not None and (directory / USAGE_FILES[version]).exists():
            return directory
    raise SampleError(
        f"the cgroup {path} (v{version}) is mounted nowhere here",
        hint="run hyperleak on the host, or mount /sys/fs/cgroup of the host into its container",
    )


def _mounts(text: str) -> Iterator[_Mount]:
    """The mounts of a mountinfo file; see proc_pid_mountinfo(5)."""
    for line in text.splitlines():
        own, _, filesystem = line.partition(" - ")
        fields, (kind, _, options) = own.split(), filesystem.split(maxsplit=2)
        yield _Mount(_unescaped(fields[3]), _unescaped(fields[4]), kind, frozenset(options.split(",")))


def _unescaped(field: str) -> str:
    return field.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")


def _below(mount: _Mount, path: str) -> Path | None:
    """The directory that shows the cgroup `path`, when the mount's root is the path or above it."""
    root = mount.root.rstrip("/")
    if path != root and not path.startswith(f"{root}/"):
        return None
    return Path(mount.point + path[len(root) :])


def _read_text(path: Path, what: str) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        raise SampleError(
            f"{what} is not seen here ({path}: {error.strerror})",
            hint="run hyperleak on the Linux host that runs the container",
        ) from error


class CgroupFiles:
    """The files of one cgroup, kept open: a reading is three preads. SampleError: they cannot be opened."""

    kind = "files"

    def __init__(self, place: CgroupPlace) -> None:
        self.place = place
        self._open: dict[str, int] = {}
        try:
            for name in (STAT_FILE, USAGE_FILES[place.version], EVENTS_FILES[place.version]):
                self._open[name] = os.open(place.directory / name, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            self.close()
            raise SampleError(
                f"{error.filename}: {error.strerror}", hint="run hyperleak as root, or in the group docker"
            ) from error

    def read(self) -> CgroupReading:
        usage = self._text(USAGE_FILES[self.place.version]).strip()
        return charge(parse_flat(self._text(STAT_FILE)), int(usage) if usage.isdecimal() else None)

    def oom_kills(self) -> int | None:
        return parse_oom_kills(self._text(EVENTS_FILES[self.place.version]))

    def pids(self) -> tuple[int, ...]:
        """The host's pids of all processes in the cgroup and below it; those of a hidden namespace are left out."""
        try:
            return tuple(sorted(set(_pids_below(self.place.directory)) - {0}))
        except OSError as error:
            raise SampleError(
                f"{error.filename or self.place.directory}: {error.strerror}", hint="has the container ended?"
            ) from error

    def close(self) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def _text(self, name: str) -> str:
        try:
            return os.pread(self._open[name], _READ_BYTES, 0).decode("ascii", "replace")
        except (OSError, KeyError) as error:
            raise SampleError(
                f"the container's {self.place.directory / name} is gone", hint="has the container ended?"
            ) from error


def _pids_below(directory: Path) -> Iterator[int]:
    """Pids of `cgroup.procs` here and in each sub-cgroup; one that goes meanwhile had no process left."""
    yield from map(int, (directory / "cgroup.procs").read_bytes().split())
    if directory.stat().st_nlink == _LINKS_WITHOUT_CHILD:
        return
    with os.scandir(directory) as entries:
        below = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    for child in below:
        try:
            yield from _pids_below(child)
        except FileNotFoundError:
            continue
