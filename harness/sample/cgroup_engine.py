"""The container's cgroup through the Docker engine, for hosts that don't show its files."""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Any

import docker.errors
import requests

from harness.errors import SampleError
from harness.model.samples import CgroupReading
from harness.sample.charge import charge, parse_flat, parse_oom_kills

if TYPE_CHECKING:
    from docker import DockerClient

ENGINE_ERRORS = (docker.errors.DockerException, requests.exceptions.RequestException, OSError)
ANSWER_TIMEOUT_S = 5.0
_END = "end\n"
_FRAME_HEAD = struct.Struct(">4xL")

# Builtins alone: a `cat` for each sample would be charged to the container while it reads its memory.
# A mount that is rooted at the container's own cgroup doesn't show the path of /proc/self/cgroup below it.
SHELL_LOOP = r"""
version= dir= one=/ two=/
while IFS=: read -r _ controllers path; do
  case ",$controllers," in *,memory,*) one=$path ;; ,,) two=$path ;; esac
done < /proc/self/cgroup
for d in "/sys/fs/cgroup/memory$one" /sys/fs/cgroup/memory; do
  if [ -z "$dir" ] && [ -r "$d/memory.usage_in_bytes" ]; then
    dir=$d usage=memory.usage_in_bytes events=memory.oom_control
  fi
done
for d in "/sys/fs/cgroup$two" /sys/fs/cgroup; do
  if [ -z "$dir" ] && [ -r "$d/memory.current" ]; then dir=$d usage=memory.current events=memory.events; fi
done
show() {
  [ -r "$dir/$2" ] || return
  while IFS= read -r line; do
    out="$out$1 $line
"
  done < "$dir/$2"
}
while IFS= read -r _; do
  out=
  if [ -n "$dir" ]; then show stat memory.stat; show usage $usage; show events $events; fi
  printf '%send\n' "$out"
done
"""


class CgroupExec:
    """A small shell loop in the container, started once; for each line it is sent it prints its cgroup's files.

    It ends by itself when the connection closes. SampleError: the container has no shell, or shows no cgroup.
    """

    kind = "exec"

    def __init__(self, client: DockerClient, container_id: str) -> None:
        self._stream: Any = None
        try:
            created = client.api.exec_create(container_id, ["sh", "-c", SHELL_LOOP], stdin=True)
            self._stream = client.api.exec_start(created["Id"], socket=True)
            self._socket: Any = getattr(self._stream, "_sock", self._stream)
            self._socket.settimeout(ANSWER_TIMEOUT_S)
            self.read()
        except ENGINE_ERRORS as error:
            self.close()
            raise SampleError(
                f"no shell could be started in the container: {error}",
                hint="the memory is then read from Docker's stats API, which does not tell OOM kills",
            ) from error
        except SampleError:
            self.close()
            raise

    def read(self) -> CgroupReading:
        answer = self._ask()
        usage = answer.get("usage", "").strip()
        return charge(parse_flat(answer.get("stat", "")), int(usage) if usage.isdecimal() else None)

    def oom_kills(self) -> int | None:
        return parse_oom_kills(self._ask().get("events", ""))

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            _hang_up(stream)

    def _ask(self) -> dict[str, str]:
        """One answer of the loop: the text of each file by its short name."""
        if self._stream is None:
            raise SampleError("the shell in the container was closed")
        try:
            self._socket.sendall(b"\n")
            lines = self._answer()
        except OSError as error:
            self.close()
            raise SampleError(
                f"the shell in the container answers no more ({error})",
                hint="has the container ended, or is it paused?",
            ) from error
        files: dict[str, str] = {}
        for line in lines.splitlines(keepends=True):
            name, _, rest = line.partition(" ")
            files[name] = files.get(name, "") + rest
        return files

    def _answer(self) -> str:
        """All frames of Docker's attach stream up to the mark of the end; OSError tells what else came."""
        text = ""
        while not text.endswith(_END):
            head = self._exactly(_FRAME_HEAD.size)
            if len(head) < _FRAME_HEAD.size:
                raise OSError(text.strip() or "it ended")
            text += self._exactly(*_FRAME_HEAD.unpack(head)).decode("ascii", "replace")
        return text

    def _exactly(self, count: int) -> bytes:
        """So many bytes; fewer when the stream ends."""
        parts = b""
        while len(parts) < count and (part := self._socket.recv(count - len(parts))):
            parts += part
        return parts


def _hang_up(stream: Any) -> None:
    """Closes the stream of an exec with the response and the socket below it; the shell reads the end of its input."""
    below = getattr(stream, "_sock", stream)
    response = getattr(stream, "_response", None)
    with contextlib.suppress(OSError):
        below.shutdown(socket.SHUT_RDWR)
    for part in (response, stream, below):
        with contextlib.suppress(OSError):
            if part is not None:
                part.close()


class CgroupStats:
    """Docker's stats API, one request a reading: some ms, with engines before 23 up to a second. Tells no OOM kills."""

    kind = "stats"

    def __init__(self, client: DockerClient, container_id: str) -> None:
        self._client = client
        self._container_id = container_id
        self.read()

    def read(self) -> CgroupReading:
        try:
            answer: dict[str, Any] = self._client.api.stats(self._container_id, stream=False, one_shot=True)
        except ENGINE_ERRORS as error:
            raise SampleError(
                f"Docker's stats API refused: {error}", hint="is the container running? see `docker ps -a`"
            ) from error
        memory = answer.get("memory_stats") or {}
        if not memory.get("stats"):
            raise SampleError(
                "Docker's stats API tells no memory for the container", hint="has it ended? see `docker ps -a`"
            )
        return charge(memory["stats"], memory.get("usage"))

    def oom_kills(self) -> int | None:
        return None

    def close(self) -> None:
        """Nothing is kept open."""
