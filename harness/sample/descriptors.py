"""Open files and sockets of a process, with the remote address of those that are connected, from /proc.

Sources: proc_pid_fd(5), proc_net(5): `/proc/PID/fd` names each descriptor's object, `/proc/PID/net/*` lists the
sockets of the process's own network namespace by inode. Needs the rights of ptrace for another user's process.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from harness.errors import SampleError

_OBJECT = re.compile(r"(socket|pipe|anon_inode):\[?([^]]*)\]?")
_INTERNET = ("tcp", "tcp6", "udp", "udp6")


class Descriptor(NamedTuple):
    """`kind`: file, device, directory, pipe, tcp, udp, unix, socket (another family), eventpoll, other anonymous kinds.

    `target` is the path of a file or of a Unix socket, `remote` the "host:port" that a socket is connected to.
    """

    number: int
    kind: str
    target: str
    remote: str = ""

    @property
    def resource(self) -> str:
        """What to call it in a list of what leaks: descriptors of one name are opened at one place."""
        name = self.remote or self.target
        return f"{self.kind} {name}".rstrip()


def open_descriptors(pid: int) -> tuple[Descriptor, ...]:
    """Every open descriptor in ascending order. Raises SampleError where the process is gone or not ours to see."""
    try:
        numbers = sorted(int(name) for name in os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
    except PermissionError:
        raise SampleError(
            f"no right to list the open files of process {pid}", hint="run as root or as the process's user"
        ) from None
    except OSError:
        raise SampleError(f"process {pid} has ended") from None
    sockets: dict[str, Descriptor] | None = None
    found = []
    for number in numbers:
        with contextlib.suppress(OSError):
            link = os.readlink(f"/proc/{pid}/fd/{number}")  # noqa: PTH115
            if link.startswith("socket:") and sockets is None:
                sockets = _sockets(pid)
            found.append(_descriptor(pid, number, link, sockets or {}))
    return tuple(found)


def kept_between(before: tuple[Descriptor, ...], after: tuple[Descriptor, ...]) -> dict[str, int]:
    """How many more there are of each resource, the most first; what became fewer is left out."""
    gained = Counter(each.resource for each in after)
    gained.subtract(each.resource for each in before)
    return {name: count for name, count in gained.most_common() if count > 0}


def _descriptor(pid: int, number: int, link: str, sockets: dict[str, Descriptor]) -> Descriptor:
    match = _OBJECT.fullmatch(link)
    if match is None:
        return Descriptor(number, _file_kind(pid, number), link)
    if match[1] == "socket":
        return sockets.get(match[2], Descriptor(0, "socket", ""))._replace(number=number)
    return Descriptor(number, match[2] if match[1] == "anon_inode" else match[1], "")


def _file_kind(pid: int, number: int) -> str:
    try:
        mode = os.stat(f"/proc/{pid}/fd/{number}").st_mode  # noqa: PTH116
    except OSError:
        return "file"
    return {0o040000: "directory", 0o020000: "device", 0o060000: "device", 0o010000: "pipe"}.get(
        mode & 0o170000, "file"
    )


def _sockets(pid: int) -> dict[str, Descriptor]:
    """By inode; a connected one is TCP in any state but listening, or UDP with a peer."""
    found: dict[str, Descriptor] = {}
    for protocol in _INTERNET:
        for fields in _table(pid, protocol):
            local, peer = _address(fields[1]), _address(fields[2])
            connected = not fields[2].endswith(":0000")
            found[fields[9]] = Descriptor(0, protocol[:3], "" if connected else local, peer if connected else "")
    for fields in _table(pid, "unix"):
        found[fields[6]] = Descriptor(0, "unix", fields[7] if len(fields) > 7 else "")
    return found


def _table(pid: int, name: str) -> Iterator[list[str]]:
    try:
        text = Path(f"/proc/{pid}/net/{name}").read_text(errors="replace")
    except OSError:
        return
    for line in text.splitlines()[1:]:
        yield line.split()


def _address(text: str) -> str:
    """From the kernel's hexadecimal words in the machine's byte order; a mapped IPv4 address is shown as such."""
    packed, port = text.split(":")
    words = [int(packed[at : at + 8], 16) for at in range(0, len(packed), 8)]
    address = ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return f"{mapped}:{int(port, 16)}" if mapped else f"[{address}]:{int(port, 16)}"
    return f"{address}:{int(port, 16)}"
