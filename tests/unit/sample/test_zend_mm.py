"""What is taken for a PHP heap, and what isn't: never a wrong number."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.sample.heap import total_of
from harness.sample.zend_mm import (
    CHUNK_BYTES,
    HEADER_BYTES,
    HEAP_SLOT,
    LAYOUTS,
    PAGE_BYTES,
    CustomHandlers,
    Heap,
    HeapReading,
    Layout,
    Moved,
    chunk_addresses,
    read_heap,
    recognise,
)
from tests.unit.sample.heap_image import FIRST_CHUNK, HeapImage

MIB = 1024 * 1024
NEWER = LAYOUTS[-1]

every_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: "-".join(map(str, layout)))


@given(
    layout=st.sampled_from(LAYOUTS),
    chunks=st.integers(1, 100),
    cached=st.integers(0, 3),
    huge_pages=st.lists(st.integers(512, 100_000), max_size=6),
    filled=st.floats(0, 1),
    freed=st.floats(0, 1),
)
def test_a_heap_is_read_as_it_is_in_every_layout(
    layout: Layout, chunks: int, cached: int, huge_pages: list[int], filled: float, freed: float
) -> None:
    huge_bytes = [pages * PAGE_BYTES for pages in huge_pages]
    peak = int(filled * (chunks * CHUNK_BYTES + sum(huge_bytes)))
    image = HeapImage(layout, size=int(peak * freed), peak=peak, chunks=chunks, cached=cached, huge_bytes=huge_bytes)

    heap = recognise(image, FIRST_CHUNK)

    assert heap == Heap(FIRST_CHUNK, layout)
    assert read_heap(image, heap) == HeapReading(image.size, image.peak, image.real_size)


@given(st.binary(min_size=PAGE_BYTES - 8, max_size=PAGE_BYTES - 8))
def test_garbage_that_begins_like_a_heap_is_none(garbage: bytes) -> None:
    image = HeapImage(NEWER)
    image.regions[FIRST_CHUNK][8:] = garbage
    assert recognise(image, FIRST_CHUNK) is None


@given(
    layout=st.sampled_from(LAYOUTS),
    start=st.integers(8, 384),
    garbage=st.binary(min_size=64, max_size=128).filter(lambda data: len(set(data)) > 32),
)
def test_a_heap_with_garbage_over_it_is_none_or_says_the_same(layout: Layout, start: int, garbage: bytes) -> None:
    image = HeapImage(layout)
    image.regions[FIRST_CHUNK][start : start + len(garbage)] = garbage
    if heap := recognise(image, FIRST_CHUNK):
        assert read_heap(image, heap) == HeapReading(image.size, image.peak, image.real_size)


def _spoils(layout: Layout) -> dict[str, tuple[int, str, *tuple[float, ...]]]:
    real, tail, counters = HEAP_SLOT + layout.real, HEAP_SLOT + layout.tail, layout.counters
    return {
        "heap pointer": (0, "Q", FIRST_CHUNK + 128),
        "heap pointer of another chunk": (0, "Q", FIRST_CHUNK + CHUNK_BYTES + HEAP_SLOT),
        "next chunk unaligned": (8, "Q", FIRST_CHUNK + PAGE_BYTES),
        "next chunk missing": (8, "Q", 0),
        "next chunk unmapped": (8, "Q", FIRST_CHUNK + 64 * CHUNK_BYTES),
        "previous chunk of another ring": (16, "Q", FIRST_CHUNK + CHUNK_BYTES),
        "more free pages than there are": (counters, "I", 512),
        "fewer free pages than at the end": (counters, "I", 10),
        "no free tail": (counters + 4, "I", 0),
        "free tail after the end": (counters + 4, "I", 513),
        "not the first chunk": (counters + 8, "I", 1),
        "size over peak": (HEAP_SLOT + 16, "Q", 428_225),
        "size over what is reserved": (HEAP_SLOT + 16, "QQ", 3 * MIB, 3 * MIB),
        "peak over the reserved peak": (HEAP_SLOT + 24, "Q", 1 << 40),
        "reserved part of a page": (real, "Q", CHUNK_BYTES + 8),
        "reserved a chunk too much": (real, "QQ", 2 * CHUNK_BYTES, 2 * CHUNK_BYTES),
        "reserved over its peak": (real + 8, "Q", CHUNK_BYTES - PAGE_BYTES),
        "no memory limit": (real + 16, "Q", 0),
        "free slot unaligned": (real - 240, "Q", FIRST_CHUNK + 4097),
        "free slot in the kernel": (real - 8, "Q", 0xFFFF_8000_0000_0000),
        "overflow": (tail, "i", 77),
        "huge list that is none": (tail + 8, "Q", FIRST_CHUNK + 0x800),
        "main chunk elsewhere": (tail + 16, "Q", FIRST_CHUNK + CHUNK_BYTES),
        "cached chunks without a count": (tail + 24, "Q", FIRST_CHUNK - CHUNK_BYTES),
        "no chunks": (tail + 32, "i", 0),
        "more chunks than in the ring": (tail + 32, "ii", 2, 2),
        "more chunks than at the peak": (tail + 36, "i", 0),
        "negative count of cached chunks": (tail + 40, "i", -1),
        "average that is no number": (tail + 48, "d", math.nan),
        "negative average": (tail + 48, "d", -1.0),
    }


@every_layout
@pytest.mark.parametrize("field", _spoils(NEWER))
def test_a_heap_with_one_wrong_field_is_none(layout: Layout, field: str) -> None:
    image = HeapImage(layout)
    offset, format_, *values = _spoils(layout)[field]
    image.put(offset, format_, *values)
    assert recognise(image, FIRST_CHUNK) is None


@every_layout
def test_chunks_that_belong_to_another_heap_are_no_ring(layout: Layout) -> None:
    image = HeapImage(layout, chunks=3)
    image.regions[FIRST_CHUNK - CHUNK_BYTES][:8] = (FIRST_CHUNK + 8 * CHUNK_BYTES + HEAP_SLOT).to_bytes(8, "little")
    assert recognise(image, FIRST_CHUNK) is None


@every_layout
def test_huge_blocks_that_do_not_add_up_are_refused(layout: Layout) -> None:
    image = HeapImage(layout, huge_bytes=[3 * MIB, 5 * MIB])
    image.put(0x800 + 8, "Q", 4 * MIB)
    assert recognise(image, FIRST_CHUNK) is None


@every_layout
def test_a_page_that_cannot_be_read_whole_is_none(layout: Layout) -> None:
    image = HeapImage(layout)
    del image.regions[FIRST_CHUNK][HEADER_BYTES - 1 :]
    assert recognise(image, FIRST_CHUNK) is None


class Changing:
    """The memory of a process that is at work: each read sees the next state, the last one from then on."""

    def __init__(self, *states: HeapImage) -> None:
        self._states = list(states)

    def read(self, address: int, size: int) -> bytes:
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        return state.read(address, size)


def test_a_reading_in_the_middle_of_a_change_is_taken_again() -> None:
    memory = Changing(HeapImage(NEWER, size=9, peak=8), HeapImage(NEWER, size=9, peak=9))
    assert read_heap(memory, Heap(FIRST_CHUNK, NEWER)).heap_bytes == 9


@pytest.mark.parametrize(
    ("offset", "value"),
    [(0, FIRST_CHUNK + 32), (HEAP_SLOT + NEWER.main_chunk, 0), (HEAP_SLOT + 16, 1 << 50), (HEAP_SLOT + NEWER.real, 77)],
    ids=["heap pointer", "main chunk", "size over peak", "reserved"],
)
def test_a_heap_that_changed_since_it_was_found_is_not_read(offset: int, value: int) -> None:
    image = HeapImage(NEWER)
    image.put(offset, "Q", value)
    with pytest.raises(Moved):
        read_heap(image, Heap(FIRST_CHUNK, NEWER))


def test_a_heap_that_is_gone_is_not_read() -> None:
    image = HeapImage(NEWER)
    image.regions.clear()
    with pytest.raises(Moved):
        read_heap(image, Heap(FIRST_CHUNK, NEWER))


def test_a_heap_whose_allocator_was_replaced_is_not_read() -> None:
    image = HeapImage(NEWER)
    image.put(HEAP_SLOT, "i", 1)
    with pytest.raises(CustomHandlers):
        read_heap(image, Heap(FIRST_CHUNK, NEWER))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("200000-400000 rw-p 00000000 00:00 0", [0x200000]),
        ("1ff000-a00000 rw-p 00000000 00:00 0 ", [0x200000, 0x400000, 0x600000, 0x800000]),
        ("200000-600000 rw-p 00000000 00:00 0                          [anon:zend_alloc]", [0x200000, 0x400000]),
        ("200000-400000 rw-p 00000000 00:0f 1058 /anon_hugepage (deleted)", [0x200000]),
        ("200000-201000 rwxp 00000000 00:00 0", [0x200000]),
        ("201000-3ff000 rw-p 00000000 00:00 0", []),
        ("200000-200800 rw-p 00000000 00:00 0", []),
        ("200000-400000 r--p 00000000 00:00 0", []),
        ("200000-400000 ---p 00000000 00:00 0", []),
        ("200000-400000 rw-s 00000000 00:01 9 /dev/zero (deleted)", []),
        ("200000-400000 rw-p 00000000 08:01 77 /usr/lib/libphp.so", []),
        ("200000-400000 rw-p 00000000 00:00 0 [heap]", []),
        ("", []),
    ],
)
def test_chunks_are_looked_for_in_writable_private_anonymous_memory(line: str, expected: list[int]) -> None:
    assert list(chunk_addresses(line)) == expected


def test_a_sum_is_only_given_when_nothing_is_missing() -> None:
    first, second = HeapReading(1, 2, 3), HeapReading(10, 20, 30)
    assert total_of({7: first, 8: second}, ()) == HeapReading(11, 22, 33)
    assert total_of({7: first, 8: None}, {8}) == first
    assert total_of({7: first, 8: None}, ()) is None
    assert total_of({}, ()) == HeapReading(0, 0, 0)
