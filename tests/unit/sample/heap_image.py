"""Heaps as ZendMM lays them out, in memory that is made up."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from harness.sample.zend_mm import CHUNK_BYTES, HEAP_SLOT, PAGE_BYTES, Layout

FIRST_CHUNK = 0x7F12_3460_0000


class HeapImage:
    """A heap with a ring of chunks, cached chunks and huge blocks; `put` spoils a field of its first chunk."""

    def __init__(
        self,
        layout: Layout,
        *,
        size: int = 400_376,
        peak: int = 428_224,
        chunks: int = 1,
        cached: int = 0,
        huge_bytes: Sequence[int] = (),
        chunk: int = FIRST_CHUNK,
    ) -> None:
        self.layout = layout
        self.chunk = chunk
        self.size = size
        self.peak = peak
        self.real_size = (chunks + cached) * CHUNK_BYTES + sum(huge_bytes)
        self.regions: dict[int, bytearray] = {}
        self._lay_chunks([chunk - index * CHUNK_BYTES for index in range(chunks)])
        self._lay_heap(chunks, cached, self._lay_huge_blocks(huge_bytes))

    def read(self, address: int, size: int) -> bytes:
        for start, region in self.regions.items():
            if start <= address < start + len(region):
                return bytes(region[address - start : address - start + size])
        return b""

    def put(self, offset: int, format_: str, *values: float) -> None:
        struct.pack_into(f"<{format_}", self.regions[self.chunk], offset, *values)

    def _lay_chunks(self, ring: list[int]) -> None:
        for index, chunk in enumerate(ring):
            page = bytearray(PAGE_BYTES)
            following, previous = ring[(index + 1) % len(ring)], ring[index - 1]
            struct.pack_into("<QQQ", page, 0, self.chunk + HEAP_SLOT, following, previous)
            struct.pack_into("<III", page, self.layout.counters, 375, 143, index)
            self.regions[chunk] = page

    def _lay_heap(self, chunks: int, cached: int, huge_list: int) -> None:
        real, tail = HEAP_SLOT + self.layout.real, HEAP_SLOT + self.layout.tail
        self.put(HEAP_SLOT, "iixxxxxxxxQQ", 0, 0, self.size, self.peak)
        self.put(real - 240, "30Q", *(self.chunk + PAGE_BYTES + 8 * slot for slot in range(30)))
        self.put(real, "QQQ", self.real_size, max(self.real_size, self.peak), 128 * 1024 * 1024)
        first_cached = self.chunk - 100 * CHUNK_BYTES if cached else 0
        self.put(tail, "iiQQQ", 0, 0, huge_list, self.chunk, first_cached)
        self.put(tail + 32, "iiiid", chunks, chunks + 1, cached, 0, 1.0)

    def _lay_huge_blocks(self, sizes: Sequence[int]) -> int:
        """The list's nodes lie in a small run of the first chunk."""
        nodes = [self.chunk + 0x800 + 32 * index for index in range(len(sizes))]
        for index, (node, size) in enumerate(zip(nodes, sizes, strict=True)):
            following = nodes[index + 1] if index + 1 < len(nodes) else 0
            block = self.chunk - (200 + 50 * index) * CHUNK_BYTES
            self.put(node - self.chunk, "QQQ", block, size, following)
        return nodes[0] if nodes else 0
