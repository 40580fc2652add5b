"""PHP heaps read by a second container in the target's pid namespace: for remote engines, and where rights are missing.

The sidecar runs the target's own image, so no other image is needed, with `php` reading other processes' memory as
`heap` does (`sidecar_reader.php`). It answers a line with a line over its attached standard streams, ends when they
close, and the engine removes it then, also after a `kill -9` of this process.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol

from docker.errors import APIError, ImageNotFound, NotFound

from harness.closing import Closing
from harness.errors import SampleError
from harness.sample.cgroup_engine import ENGINE_ERRORS
from harness.sample.heap import total_of
from harness.sample.proc_memory import TICKS_PER_S
from harness.sample.zend_mm import HeapReading

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

ANSWER_TIMEOUT_S = 10.0
MEMORY_LIMIT_BYTES = 128 * 1024 * 1024

_FRAME = struct.Struct(">BxxxL")
_STDERR = 2
_IN_PROGRESS = 409


class Channel(Protocol):
    """A line to the reader, a line back. `ask` raises SampleError when the reader is gone."""

    def ask(self, line: str) -> str: ...

    def close(self) -> None: ...


class SidecarHeapReader(Closing):
    """Reads like `HeapReader`. The pids are those of the target's pid namespace, not the host's.

    `refusals` tells of the last `read` why a process has no reading; `absent` are those of them that run no PHP.
    """

    def __init__(self, channel: Channel) -> None:
        self.refusals: dict[int, str] = {}
        self.absent: set[int] = set()
        self._channel = channel
        self._started_ticks: dict[int, int] = {}

    def read(self, pids: Iterable[int] = ()) -> dict[int, HeapReading | None]:
        """One reading a process; None with a reason in `refusals`. No pids: of every process in the namespace.

        Raises SampleError when the sidecar is gone, as it is when the target ended.
        """
        self.refusals.clear()
        self.absent.clear()
        self._started_ticks.clear()
        answer = self._channel.ask(" ".join(str(pid) for pid in pids))
        return dict(self._entry(entry) for entry in answer.split("\t") if entry)

    def total(self, pids: Iterable[int] = ()) -> HeapReading | None:
        """The sum over those that run PHP; None if one of them couldn't be read."""
        return total_of(self.read(pids), self.absent)

    def started_s(self, pid: int) -> float | None:
        """When the process of the last reading started, in seconds of its host's uptime; None without a reading."""
        ticks = self._started_ticks.get(pid)
        return None if ticks is None else ticks / TICKS_PER_S

    def close(self) -> None:
        self._channel.close()

    def _entry(self, entry: str) -> tuple[int, HeapReading | None]:
        """One of "7=size,peak,real_size,started", "7!absent,why" and "7!refused,why"."""
        number, refused, rest = entry.partition("!")
        if refused:
            return self._refusal(int(number), *rest.split(",", 1)), None
        number, _, figures = entry.partition("=")
        heap_bytes, peak_bytes, reserved_bytes, started_ticks = (int(figure) for figure in figures.split(","))
        self._started_ticks[int(number)] = started_ticks
        return int(number), HeapReading(heap_bytes, peak_bytes, reserved_bytes)

    def _refusal(self, pid: int, kind: str, reason: str) -> int:
        self.refusals[pid] = reason
        if kind == "absent":
            self.absent.add(pid)
        return pid


def reader_source() -> str:
    """The PHP program of the sidecar, as `php -r` takes it."""
    return files("harness.sample").joinpath("sidecar_reader.php").read_text("utf-8").removeprefix("<?php\n")


def start_sidecar(
    client: DockerClient, container_id: str, image: str, labels: Mapping[str, str], *, php: str = "php"
) -> SidecarHeapReader:
    """Starts a sidecar beside a running container, from `image` (the target's own), marked with `labels`.

    Needs about half a second. Raises SampleError when the engine refuses it or the image has no `php`.
    """
    try:
        target = client.containers.get(container_id)
        container = client.containers.create(image, **_options(target, dict(labels), php))
    except ENGINE_ERRORS as error:
        raise _not_started(container_id, image, error) from error
    channel = AttachedContainer(container)
    try:
        channel.start()
    except (*ENGINE_ERRORS, SampleError) as error:
        channel.close()
        raise _not_started(container_id, image, error) from error
    return SidecarHeapReader(channel)


def _options(target: Container, labels: dict[str, str], php: str) -> dict[str, Any]:
    """As few rights as reading memory needs: no network, nothing writable, no capability but tracing."""
    return {
        "entrypoint": [php],
        "command": ["-n", "-d", "display_errors=stderr", "-r", reader_source()],
        "user": "0:0",
        "pid_mode": f"container:{target.id}",
        "cap_drop": ["ALL"],
        "cap_add": ["SYS_PTRACE"] if _runs_as_root(target) else ["SYS_PTRACE", "DAC_READ_SEARCH"],
        "security_opt": ["no-new-privileges"],
        "network_mode": "none",
        "read_only": True,
        "mem_limit": MEMORY_LIMIT_BYTES,
        "pids_limit": 8,
        "healthcheck": {"test": ["NONE"]},
        "log_config": {"Type": "none"},
        "labels": labels,
        "working_dir": "/",
        "stdin_open": True,
        "auto_remove": True,
    }


def _runs_as_root(target: Container) -> bool:
    """Whether root owns all of its processes, and so their files under /proc; else root needs a right to open those."""
    try:
        rows = target.top(ps_args="-eo pid,uid")["Processes"]
    except APIError:
        return False
    return all(uid == "0" for _, uid in rows)


class AttachedContainer:
    """A created container; it's started with its standard streams attached, and removed by `close`."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._pending = b""
        self._errors = b""
        self._socket: socket.socket
        self._undo = contextlib.ExitStack()
        self._undo.callback(_remove, container)

    def start(self) -> None:
        """Returns when PHP is ready; what it may say of its start before is passed over."""
        stream: Any = self._container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        self._undo.callback(stream.close)
        self._socket = getattr(stream, "_sock", stream)
        self._undo.callback(self._socket.close)
        self._socket.settimeout(ANSWER_TIMEOUT_S)
        self._container.start()
        while self._line() != "ready":
            pass

    def ask(self, line: str) -> str:
        try:
            self._socket.sendall(line.encode() + b"\n")
        except OSError as error:
            raise self._gone(str(error)) from error
        return self._line()

    def close(self) -> None:
        """Without its input it ends and is removed, also where the engine can't be reached to do that now."""
        with contextlib.suppress(*ENGINE_ERRORS):
            self._undo.close()

    def _line(self) -> str:
        while b"\n" not in self._pending:
            self._receive_frame()
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode()

    def _receive_frame(self) -> None:
        """One frame of the attached stream: which stream, how many bytes, the bytes."""
        stream, size = _FRAME.unpack(self._receive(_FRAME.size))
        data = self._receive(size)
        if stream == _STDERR:
            self._errors = (self._errors + data)[-500:]
        else:
            self._pending += data

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                part = self._socket.recv(size - len(data))
            except OSError as error:
                raise self._gone(str(error)) from error
            if not part:
                raise self._gone("ended")
            data += part
        return data

    def _gone(self, why: str) -> SampleError:
        """Closes too, for an answer that is late would be taken for the next one."""
        self._socket.close()
        said = self._errors.decode(errors="replace").strip()
        return SampleError(
            f"the sidecar that reads the PHP heaps is gone: {why}{f' ({said})' if said else ''}",
            hint="it ends with its target: see whether that is still running",
        )


def _not_started(container_id: str, image: str, error: Exception) -> SampleError:
    if isinstance(error, ImageNotFound):
        reason = "the engine doesn't have the image"
    elif isinstance(error, APIError):
        reason = str(error.explanation)
    else:
        reason = error.message if isinstance(error, SampleError) else str(error)
    return SampleError(
        f"no sidecar of image {image} beside container {container_id[:12]}: {reason}",
        hint="it needs `php` in the image, a running target and an engine that allows CAP_SYS_PTRACE",
    )


def _remove(container: Container) -> None:
    """Returns when it's gone; it may have removed itself already, or be at it."""
    with contextlib.suppress(NotFound):
        try:
            container.remove(force=True, v=True)
        except APIError as error:
            if error.status_code != _IN_PROGRESS:
                raise
            container.wait(condition="removed", timeout=ANSWER_TIMEOUT_S)
