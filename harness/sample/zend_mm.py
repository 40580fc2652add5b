"""ZendMM's heap as it lies in memory: where it is, whether it is one, what it says. Pure but for `Memory`.

The first chunk of a heap is 2 MiB of anonymous memory, aligned to 2 MiB. It begins so (64 bit; Zend/zend_alloc.c of
PHP 7.4 to 8.6):

    0   heap          points to the heap structure, for the first chunk into itself at 64
    8   next, prev    the ring of the heap's chunks
    24  free_pages, free_tail, num (32 bit each; from 8.6 on at 32)
    64  use_custom_heap  (72 storage)  80 size  88 peak  …

`size` is `memory_get_usage()`, `peak` is `memory_get_peak_usage()`, `real_size` is `memory_get_usage(true)`. What comes
after `peak` moved between versions, and within one by security updates (a shadow key in 8.4, two limits in 8.2.35), so
a layout is taken only when every field read through it fits every other one; the version isn't asked.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

CHUNK_BYTES = 2 * 1024 * 1024
PAGE_BYTES = 4096
CHUNK_PAGES = CHUNK_BYTES // PAGE_BYTES
HEAP_SLOT = 64
HEADER_BYTES = 512
BINS = 30
USER_SPACE_END = 1 << 56

RING_CHUNKS_WALKED = 64
HUGE_BLOCKS_WALKED = 256
TRIES = 4

_CHUNK = struct.Struct("<QQQ")
_COUNTERS = struct.Struct("<III")
_USAGE = struct.Struct("<i12xQQ")
_REAL = struct.Struct("<QQQ")
_TAIL = struct.Struct("<i4xQQQiii4xd")
_HUGE_BLOCK = struct.Struct("<QQQ")
_FREE_SLOTS = struct.Struct(f"<{BINS}Q")


class Memory(Protocol):
    """The memory of a process; `read` gives fewer bytes, or none, where it can't be read."""

    def read(self, address: int, size: int) -> bytes: ...


class HeapReading(NamedTuple):
    """What a process's heaps hold, in bytes; more than one heap (ZTS has one a thread) is added up.

    `heap_bytes` equals `memory_get_usage()`, `peak_bytes` `memory_get_peak_usage()` and `reserved_bytes`
    `memory_get_usage(true)`, which counts whole chunks.
    """

    heap_bytes: int
    peak_bytes: int
    reserved_bytes: int


class Layout(NamedTuple):
    """Offsets that differ between versions: `counters` in the chunk, `real` and `tail` in the heap structure."""

    counters: int
    real: int
    tail: int

    @property
    def main_chunk(self) -> int:
        return self.tail + 16


LAYOUTS = tuple(
    Layout(counters, real, real + 24 + limits) for counters in (24, 32) for real in (272, 280) for limits in (0, 16)
)


class Heap(NamedTuple):
    """A heap that was recognised: the address of its first chunk and its layout."""

    chunk: int
    layout: Layout


class _Header(NamedTuple):
    """The fields of a first chunk, under one layout."""

    heap: int
    next: int
    prev: int
    free_pages: int
    free_tail: int
    num: int
    custom: int
    size: int
    peak: int
    real_size: int
    real_peak: int
    limit: int
    overflow: int
    huge_list: int
    main_chunk: int
    cached_chunks: int
    chunks: int
    peak_chunks: int
    cached: int
    average_chunks: float


class Moved(Exception):
    """There's no heap any more where one was, or it changes too fast to be read."""


class CustomHandlers(Exception):
    """The heap is there, but allocations go elsewhere."""


def chunk_addresses(maps: str) -> Iterator[int]:
    """Every address of `/proc/PID/maps` where a chunk may begin: aligned, writable, private and anonymous."""
    for line in maps.splitlines():
        fields = line.split(None, 5)
        if fields[1].startswith("rw") and fields[1].endswith("p") and _is_anonymous(fields):
            start, end = (int(bound, 16) for bound in fields[0].split("-"))
            yield from range(-(-start // CHUNK_BYTES) * CHUNK_BYTES, end - PAGE_BYTES + 1, CHUNK_BYTES)


def _is_anonymous(fields: list[str]) -> bool:
    """Also with a name, as newer PHP gives to its chunks, and of huge pages (USE_ZEND_ALLOC_HUGE_PAGES)."""
    name = fields[5].strip() if len(fields) > 5 else ""
    return (fields[4] == "0" and (not name or name.startswith("[anon:"))) or name.startswith("/anon_hugepage")


def recognise(memory: Memory, chunk: int) -> Heap | None:
    """The heap whose first chunk this is. None unless exactly one layout fits; a running process gets more tries."""
    for _ in range(TRIES):
        page = memory.read(chunk, HEADER_BYTES)
        if len(page) < HEADER_BYTES:
            return None
        fitting = [layout for layout in LAYOUTS if _fits(memory, chunk, page, layout)]
        if len(fitting) == 1:
            return Heap(chunk, fitting[0])
    return None


def read_heap(memory: Memory, heap: Heap) -> HeapReading:
    """One reading in one piece, checked again. Raises `Moved` or `CustomHandlers`."""
    chunk, layout = heap
    fields = _READERS[layout]
    for _ in range(TRIES):
        data = memory.read(chunk, fields.size)
        if len(data) < fields.size:
            raise Moved
        own, custom, size, peak, real_size, main_chunk = fields.unpack(data)
        if own != chunk + HEAP_SLOT or main_chunk != chunk:
            raise Moved
        if custom:
            raise CustomHandlers
        if size <= peak and size <= real_size and real_size % PAGE_BYTES == 0:
            return HeapReading(size, peak, real_size)
    raise Moved


def _reader(layout: Layout) -> struct.Struct:
    between = layout.main_chunk - layout.real - 8
    return struct.Struct(f"<Q56xi12xQQ{layout.real - 32}xQ{between}xQ")


_READERS = {layout: _reader(layout) for layout in LAYOUTS}


def total(readings: Iterable[HeapReading]) -> HeapReading:
    """The sum of each figure; a sum of peaks is an upper limit for the peak of the sum."""
    heap_bytes = peak_bytes = reserved_bytes = 0
    for reading in readings:
        heap_bytes += reading.heap_bytes
        peak_bytes += reading.peak_bytes
        reserved_bytes += reading.reserved_bytes
    return HeapReading(heap_bytes, peak_bytes, reserved_bytes)


def _fits(memory: Memory, chunk: int, page: bytes, layout: Layout) -> bool:
    header = _parse(page, layout)
    return (
        header.heap == chunk + HEAP_SLOT
        and header.main_chunk == chunk
        and _counters_fit(header)
        and _usage_fits(header)
        and _chunk_counts_fit(header)
        and _free_slots_fit(page, layout)
        and _is_ring(memory, chunk, header)
        and _huge_blocks_fit(memory, header)
    )


def _parse(page: bytes, layout: Layout) -> _Header:
    return _Header(
        *_CHUNK.unpack_from(page),
        *_COUNTERS.unpack_from(page, layout.counters),
        *_USAGE.unpack_from(page, HEAP_SLOT),
        *_REAL.unpack_from(page, HEAP_SLOT + layout.real),
        *_TAIL.unpack_from(page, HEAP_SLOT + layout.tail),
    )


def _counters_fit(header: _Header) -> bool:
    """The first page of a chunk is never free; `free_tail` is the page from which on all are free."""
    return (
        header.num == 0
        and 1 <= header.free_tail <= CHUNK_PAGES
        and CHUNK_PAGES - header.free_tail <= header.free_pages < CHUNK_PAGES
    )


def _usage_fits(header: _Header) -> bool:
    return (
        header.size <= header.peak <= header.real_peak
        and header.size <= header.real_size <= header.real_peak < USER_SPACE_END
        and header.real_size % PAGE_BYTES == 0
        and header.limit >= CHUNK_BYTES
        and header.overflow in (0, 1)
    )


def _chunk_counts_fit(header: _Header) -> bool:
    """Cached chunks are reserved too; without huge blocks the chunks are all there is."""
    chunk_bytes = (header.chunks + header.cached) * CHUNK_BYTES
    return (
        1 <= header.chunks <= header.peak_chunks
        and header.cached >= 0
        and (header.cached == 0) == (header.cached_chunks == 0)
        and _is_chunk_address(header.next)
        and _is_chunk_address(header.prev)
        and header.cached_chunks % CHUNK_BYTES == 0
        and math.isfinite(header.average_chunks)
        and header.average_chunks >= 0
        and (header.real_size > chunk_bytes if header.huge_list else header.real_size == chunk_bytes)
    )


def _is_chunk_address(address: int) -> bool:
    return 0 < address < USER_SPACE_END and address % CHUNK_BYTES == 0


def _free_slots_fit(page: bytes, layout: Layout) -> bool:
    slots = _FREE_SLOTS.unpack_from(page, HEAP_SLOT + layout.real - _FREE_SLOTS.size)
    return all(slot % 8 == 0 and slot < USER_SPACE_END for slot in slots)


def _is_ring(memory: Memory, chunk: int, header: _Header) -> bool:
    """Whether the chunks form a ring of one heap, and as many as the heap counts; a long ring is walked in part."""
    previous, current = chunk, header.next
    for walked in range(1, RING_CHUNKS_WALKED):
        if current == chunk:
            return walked == header.chunks and header.prev == previous
        data = memory.read(current, _CHUNK.size)
        if len(data) < _CHUNK.size or not _is_chunk_address(current):
            return False
        heap, following, back = _CHUNK.unpack(data)
        if heap != header.heap or back != previous:
            return False
        previous, current = current, following
    return header.chunks >= RING_CHUNKS_WALKED


def _huge_blocks_fit(memory: Memory, header: _Header) -> bool:
    """Whether chunks and huge blocks add up to what is reserved; a long list is walked in part."""
    rest = header.real_size - (header.chunks + header.cached) * CHUNK_BYTES
    block = header.huge_list
    for _ in range(HUGE_BLOCKS_WALKED):
        if not block:
            return rest == 0
        data = memory.read(block, _HUGE_BLOCK.size) if block < USER_SPACE_END else b""
        if len(data) < _HUGE_BLOCK.size:
            return False
        address, size, block = _HUGE_BLOCK.unpack(data)
        rest -= size
        if not _is_chunk_address(address) or size % PAGE_BYTES or not size or rest < 0:
            return False
    return True
