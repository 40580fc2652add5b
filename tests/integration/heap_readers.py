"""The readers of heaps under one contract, and what their tests look up by themselves."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from harness.sample.heap import HeapRefused, find_heaps
from harness.sample.sidecar import reader_source
from harness.sample.zend_mm import CHUNK_BYTES, HeapReading
from tests.integration.php_builds import PhpBuild


class Reader(Protocol):
    """What the reader of this machine and a sidecar have in common."""

    refusals: dict[int, str]
    absent: set[int]

    def read(self, pids: Iterable[int]) -> dict[int, HeapReading | None]: ...

    def total(self, pids: Iterable[int]) -> HeapReading | None: ...

    def started_s(self, pid: int) -> float | None: ...

    def close(self) -> None: ...


class PipedReader:
    """The sidecar's program as a plain process."""

    def __init__(self, build: PhpBuild) -> None:
        self._process = subprocess.Popen(
            [*build.command, "-r", reader_source()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        assert self._answer() == "ready"

    def ask(self, line: str) -> str:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        assert self._process.wait(10) == 0
        self._process.stdout.close()

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().rstrip("\n")


def has_heap(pid: int) -> bool:
    try:
        find_heaps(pid).close()
    except HeapRefused:
        return False
    return True


def aligned_address_of(pid: int, word: int) -> int:
    """The 2 MiB-aligned address where a word is."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        bounds, rights, _, _, inode, *_ = line.split(None, 5)
        if rights == "rw-p" and inode == "0":
            start, end = (int(bound, 16) for bound in bounds.split("-"))
            with open(f"/proc/{pid}/mem", "rb", 0) as memory:  # noqa: PTH123
                for address in range(-(-start // CHUNK_BYTES) * CHUNK_BYTES, end, CHUNK_BYTES):
                    memory.seek(address)
                    if int.from_bytes(memory.read(8), "little") == word:
                        return address
    raise AssertionError(f"process {pid} has no such word at the start of a block")


def page_table_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmPTE:"))
