"""A process that holds made-up heaps, for what no PHP at hand does: threads with heaps of their own, other allocators.

Run as a program it obeys lines: "heap SIZE", "thread SIZE", "spoil OFFSET VALUE", "reserve GIB", "spawn FIFO".
"""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from harness.sample.zend_mm import CHUNK_BYTES, LAYOUTS, PAGE_BYTES
from tests.unit.sample.heap_image import HeapImage


class Holder:
    """A process with made-up heaps."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.heap_holder"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def tell(self, line: str) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline()

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.kill()
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)


_MAP_NORESERVE = 0x4000

_held: list[tuple[mmap.mmap, int]] = []


def _hold(size: int) -> None:
    memory = mmap.mmap(-1, 2 * CHUNK_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    chunk = -(-start // CHUNK_BYTES) * CHUNK_BYTES
    image = HeapImage(LAYOUTS[0], size=size, peak=size, chunk=chunk)
    memory[chunk - start : chunk - start + PAGE_BYTES] = bytes(image.regions[chunk])
    _held.append((memory, chunk - start))


def _spoil(offset: int, value: int) -> None:
    memory, chunk = _held[0]
    memory[chunk + offset : chunk + offset + 4] = value.to_bytes(4, "little")


def _reserve(gib: int) -> None:
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
    _held.append((mmap.mmap(-1, gib << 30, flags=flags), 0))


def _thread(size: int) -> None:
    ready = threading.Event()

    def body() -> None:
        _hold(size)
        ready.set()
        threading.Event().wait()

    threading.Thread(target=body, daemon=True).start()
    ready.wait()


def _spawn(fifo: str) -> None:
    """The child opens the FIFO, and so waits, in this process's memory, before it becomes `sleep`."""
    opening = [(os.POSIX_SPAWN_OPEN, 3, fifo, os.O_RDONLY, 0)]
    os.posix_spawn("/bin/sleep", ["sleep", "60"], os.environ, file_actions=opening)


_COMMANDS: dict[str, Callable[..., None]] = {"heap": _hold, "thread": _thread, "spoil": _spoil, "reserve": _reserve}


def main() -> None:
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "spawn":
            print("spawning", flush=True)
            _spawn(arguments[0])
        else:
            _COMMANDS[command](*map(int, arguments))
            print("done", flush=True)


if __name__ == "__main__":
    main()
