"""What is made of the tools' own files: who kept how much a request, by what call."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.diagnose import TOOLS
from harness.diagnose.growth import suspects_of
from harness.diagnose.protocol import Allocation, ToolOutputError
from harness.diagnose.xhprof import exclusive
from harness.model.diagnosis import ToolName
from tests.unit.diagnose.recorded import MEMCHECK_REQUESTS, XHPROF_REQUESTS, recorded

LEAKY = "Leaks\\Cause\\StaticProperty::leaky"
PAYLOAD = "Leaks\\Payload::of"
MASSIF = """desc: --massif-out-file=massif.1
cmd: php server.php
time_unit: i
#-----------
snapshot=0
#-----------
time=1
mem_heap_B=0
mem_heap_extra_B=0
mem_stacks_B=0
heap_tree=empty
#-----------
snapshot=1
#-----------
time=2
mem_heap_B={total}
mem_heap_extra_B=0
mem_stacks_B=0
heap_tree=peak
n2: {total} (heap allocation functions) malloc/new/new[], --alloc-fns, etc.
 n1: {leaked} 0x484DA83: malloc (vg_replace_malloc.c:381)
  n0: {leaked} 0x8BFF: leak_it (native.c:12)
 n0: 100 in 1 place, below massif's threshold (0.05%)
"""


def test_memcheck_names_native_memory_to_the_byte(tmp_path: Path) -> None:
    fewer, more = (recorded(tmp_path / part, f"memcheck-{part}.xml", "memcheck.7.xml") for part in ("n", "2n"))
    found = TOOLS["valgrind"].compare(fewer, more, MEMCHECK_REQUESTS)
    assert [(s.bytes_per_request, s.calls_per_request, s.kind) for s in found.suspects] == [
        (2048.0, 1.0, "definitely lost")
    ]
    assert "ffi_call" in found.suspects[0].stack
    assert "no debug symbols" in found.notes[0]


def test_massif_tells_the_growth_of_its_peak(tmp_path: Path) -> None:
    files = []
    for leaked in (1000, 3000):
        file = tmp_path / f"massif.{leaked}"
        file.write_text(MASSIF.format(total=leaked + 100, leaked=leaked))
        files.append(file)
    found = TOOLS["massif"].compare(files[:1], files[1:], 10)
    assert [(s.where, s.bytes_per_request, s.calls_per_request) for s in found.suspects] == [
        ("leak_it (native.c:12)", 200.0, None)
    ]


def test_xhprof_names_the_method_that_leaks_above_the_frameworks_own_work(tmp_path: Path) -> None:
    fewer, more = (recorded(tmp_path / part, f"xhprof-{part}.json", "profile.7.json") for part in ("base", "2n"))
    found = TOOLS["xhprof"].compare(fewer, more, XHPROF_REQUESTS).suspects
    assert [(s.where, s.calls_per_request) for s in found[:2]] == [(PAYLOAD, 1.0), (LEAKY, 1.0)]
    assert found[0].stack[:2] == (PAYLOAD, LEAKY)
    assert found[0].bytes_per_request == pytest.approx(640, abs=100)
    assert (found[1].file or "").endswith("Cause/StaticProperty.php")


def test_memprof_names_what_is_not_freed_by_its_stack(tmp_path: Path) -> None:
    fewer, more = (recorded(tmp_path / part, f"memprof-{part}.json", "profile.7.json") for part in ("n", "2n"))
    found = TOOLS["memprof"].compare(fewer, more, XHPROF_REQUESTS).suspects[0]
    assert (found.where, found.calls_per_request) == (PAYLOAD, 1.0)
    assert found.bytes_per_request == 544.0
    assert found.stack[1] == LEAKY


def test_reli_counts_objects_by_class(tmp_path: Path) -> None:
    files = []
    for count in (10, 60):
        file = tmp_path / f"reli.{count}.json"
        classes = {
            "App\\Order": {"count": count, "total_size": 56 * count},
            "App\\Once": {"count": 1, "total_size": 99},
        }
        kinds = {"ZendStringMemoryLocation": {"location_count": 5, "memory_usage": 500}}
        file.write_text(json.dumps({"class_objects_summary": classes, "location_types_summary": kinds}))
        files.append(file)
    found = TOOLS["reli"].compare(files[:1], files[1:], 50).suspects
    assert [(s.where, s.bytes_per_request, s.calls_per_request) for s in found] == [("App\\Order", 56.0, 1.0)]


def test_blackfire_tells_its_memory_dimensions(tmp_path: Path) -> None:
    file = tmp_path / "blackfire.json"
    graph = {"href": "https://blackfire.io/profiles/x/graph"}
    file.write_text(json.dumps({"envelope": {"wt": 900, "mu": 5000, "pmu": 9000}, "_links": {"graph_url": graph}}))
    found = TOOLS["blackfire"].compare([], [file], 50)
    assert [s.bytes_per_request for s in found.suspects] == [5000, 9000]
    assert graph["href"] in found.notes[-1]


@pytest.mark.parametrize("tool", list(TOOLS))
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff garbage",
        b"[]",
        b"null",
        b'{"profile": [], "places": 7, "internal": [], "swoole": false}',
        b"<valgrindoutput><error>",
    ],
)
def test_garbage_is_told_as_such(tool: ToolName, content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "output"
    file.write_bytes(content)
    with pytest.raises(ToolOutputError):
        TOOLS[tool].compare([file], [file], 1)


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 10_000)),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 10_000)),
    st.integers(1, 100),
)
def test_only_what_grows_is_suspected_and_the_largest_first(
    before: dict[str, int], after: dict[str, int], requests: int
) -> None:
    def allocations(sizes: dict[str, int]) -> list[Allocation]:
        return [Allocation((name,), size, size) for name, size in sizes.items()]

    found = suspects_of(allocations(before), allocations(after), requests)
    sizes = [suspect.bytes_per_request for suspect in found]
    assert sizes == sorted(sizes, reverse=True)
    expected = {name for name, size in after.items() if size - before.get(name, 0) >= requests}
    assert {suspect.where for suspect in found} == expected


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abc"), st.sampled_from("def")), st.integers(-1000, 1000).filter(bool), min_size=1
    )
)
def test_what_functions_keep_themselves_adds_up(sizes: dict[tuple[str, str], int]) -> None:
    """Inner functions' memory moves to their callers, none of it is lost but by rounding."""
    edges: dict[tuple[str, str], Counter[str]] = {edge: Counter(ct=1, mu=size) for edge, size in sizes.items()}
    roots: dict[tuple[str, str], Counter[str]] = {("", name): Counter(ct=1, mu=5000) for name in "abc"}
    without = sum(exclusive(roots | edges, []).values())
    assert without == 15_000
    assert sum(exclusive(roots | edges, ["d"]).values()) == pytest.approx(without, abs=3)


def test_every_tool_has_its_name() -> None:
    found: dict[str, Any] = {name: tool.name for name, tool in TOOLS.items()}
    assert found == {name: name for name in found}
