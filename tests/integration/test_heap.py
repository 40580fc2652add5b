"""Heaps read from outside equal, byte for byte, what PHP says of them; what can't be read is refused with a reason."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import SampleError
from harness.sample.heap import HeapReader, find_heaps
from harness.sample.sidecar import SidecarHeapReader
from harness.sample.zend_mm import CHUNK_BYTES, HEAP_SLOT, HeapReading
from tests.integration.heap_holder import Holder
from tests.integration.heap_readers import PipedReader, Reader, aligned_address_of, has_heap, page_table_bytes
from tests.integration.php_builds import PhpBuild, debian_builds, own_php
from tests.integration.php_process import PhpProcess, wait_until

VERSIONS = ("own", "7.4", "8.4")

STATES = {
    "small": "",
    "a hundred thousand objects": "for ($i = 0; $i < 100000; $i++) $kept[] = new stdClass;",
    "many chunks": "for ($i = 0; $i < 90; $i++) $kept[] = str_repeat('x', 1000000);",
    "huge blocks": "for ($i = 1; $i < 9; $i++) $kept[] = str_repeat('x', $i * 3000000);",
    "freed": "for ($i = 0; $i < 100000; $i++) $kept[] = new stdClass; $kept = []; gc_mem_caches();",
    "chunks kept in the cache": "for ($i = 0; $i < 9; $i++) $kept[] = str_repeat('x', 1000000); $kept = [];",
    "a huge block grown": "$kept = str_repeat('x', 3000000); for ($i = 0; $i < 9; $i++) $kept .= $kept[0];",
    "cyclic garbage": "for ($i = 0; $i < 500; $i++) { $a = new stdClass; $a->self = $a; }",
}


@pytest.fixture(scope="module")
def builds() -> dict[str, PhpBuild]:
    return {build.name: build for build in [own_php(), *debian_builds()]}


@pytest.fixture(params=["from here", *(f"by PHP {version}" for version in VERSIONS)])
def reader(request: pytest.FixtureRequest, builds: dict[str, PhpBuild]) -> Iterator[Reader]:
    version = request.param.removeprefix("by PHP ")
    made: Reader = HeapReader() if version not in builds else SidecarHeapReader(PipedReader(builds[version]))
    with contextlib.closing(made):
        yield made


@pytest.fixture
def heaps() -> Iterator[HeapReader]:
    with HeapReader() as reader:
        yield reader


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("state", STATES)
def test_the_reading_is_what_php_says(state: str, version: str, builds: dict[str, PhpBuild], heaps: HeapReader) -> None:
    with PhpProcess(builds[version]) as php:
        before, first = php.settled(), heaps.read([php.pid])[php.pid]
        after, second = php.settled(STATES[state]), heaps.read([php.pid])[php.pid]
        found_anew = find_heaps(php.pid)
    with contextlib.closing(found_anew):
        assert (first, second) == (before, after)
        assert len(found_anew.heaps) == 1


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("state", STATES)
def test_every_version_reads_every_other(
    state: str, version: str, builds: dict[str, PhpBuild], piped: dict[str, SidecarHeapReader]
) -> None:
    with PhpProcess(builds[version]) as php:
        said = php.settled(STATES[state])
        assert {name: reader.read([php.pid])[php.pid] for name, reader in piped.items()} == dict.fromkeys(piped, said)


@pytest.fixture(scope="module")
def piped(builds: dict[str, PhpBuild]) -> Iterator[dict[str, SidecarHeapReader]]:
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(SidecarHeapReader(PipedReader(build))) for name, build in builds.items()}


def test_several_processes_are_read_together_and_added_up(reader: Reader, builds: dict[str, PhpBuild]) -> None:
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(PhpProcess(build)) for build in builds.values()]
        said = {php.pid: php.settled("$kept = range(1, 1000);") for php in processes}
        everything = [*said, os.getpid()]

        assert reader.read(everything) == {**said, os.getpid(): None}
        assert reader.absent == set(reader.refusals) == {os.getpid()}
        summed = reader.total(everything)
        assert summed == HeapReading(*(sum(figures) for figures in zip(*said.values(), strict=True)))


def test_a_process_without_php_is_absent_with_a_reason(reader: Reader) -> None:
    assert reader.read([os.getpid()]) == {os.getpid(): None}
    assert reader.absent == {os.getpid()}
    assert "no PHP heap" in reader.refusals[os.getpid()]


def test_a_process_that_ended_is_absent(reader: Reader, builds: dict[str, PhpBuild]) -> None:
    with PhpProcess(builds["own"]) as php:
        said = php.settled()
        assert reader.read([php.pid]) == {php.pid: said}
        assert reader.started_s(php.pid) is not None
    assert reader.read([php.pid]) == {php.pid: None}
    assert reader.absent == {php.pid}
    assert reader.refusals == {php.pid: f"process {php.pid} has ended"}
    assert reader.total([php.pid]) == HeapReading(0, 0, 0)


def test_a_process_that_ended_but_that_nobody_waited_for_is_absent(reader: Reader, builds: dict[str, PhpBuild]) -> None:
    with PhpProcess(builds["own"]) as php:
        php.settled()
        php.send('if (!($child = pcntl_fork())) exit; fwrite(STDOUT, "$child\\n");')
        child = int(php.line())
        stat = Path(f"/proc/{child}/stat")
        wait_until(lambda: ") Z " in stat.read_text())
        assert reader.read([child]) == {child: None}
        assert reader.absent == {child}


def test_a_process_that_runs_another_program_now_is_absent(reader: Reader, builds: dict[str, PhpBuild]) -> None:
    with PhpProcess(builds["own"]) as php:
        said = php.settled()
        assert reader.read([php.pid]) == {php.pid: said}
        php.send("pcntl_exec('/bin/sleep', ['60']);")
        wait_until(lambda: php.program() == "sleep" and php.is_blocked())
        wait_until(lambda: reader.read([php.pid]) == {php.pid: None} and reader.absent == {php.pid})


def test_php_that_replaced_itself_is_found_again(reader: Reader, builds: dict[str, PhpBuild]) -> None:
    again = "$kept = str_repeat(chr(65), 5000000); echo 12345, PHP_EOL; sleep(60);"
    with PhpProcess(builds["own"]) as php:
        php.settled()
        small = reader.read([php.pid])
        php.send(f"pcntl_exec({builds['own'].command[0]!r}, ['-n', '-r', {again!r}]);")
        assert php.line() == "12345\n"
        wait_until(php.is_blocked)
        wait_until(lambda: (now := reader.read([php.pid])[php.pid]) and now.heap_bytes > 5_000_000)
        assert small != reader.read([php.pid])


def test_a_forked_child_has_a_heap_of_its_own(reader: Reader, builds: dict[str, PhpBuild]) -> None:
    child_grows = (
        "if (!pcntl_fork()) { $kept[] = str_repeat('y', 500000); $size = memory_get_usage();"
        ' fwrite(STDOUT, getmypid() . " $size\\n"); sleep(60); exit; }'
    )
    with PhpProcess(builds["own"]) as php:
        php.settled("$kept = range(1, 5000);")
        php.send(child_grows)
        lines = sorted((php.line().split() for _ in range(2)), key=len)
        child, size = map(int, lines[0])
        try:
            said = php.settled()
            wait_until(lambda: ") S " in Path(f"/proc/{child}/stat").read_text())
            readings = reader.read([php.pid, child])
            own = readings[child]
            assert own is not None
            assert (readings[php.pid], own.heap_bytes) == (said, size)
        finally:
            os.kill(child, 9)


@pytest.mark.parametrize("wait", ["sleep(60);", "pcntl_wait($status);"])
def test_a_blocked_process_is_read_as_it_is(wait: str, reader: Reader, builds: dict[str, PhpBuild]) -> None:
    prepared = "$status = 0; $same = &$status; $child = pcntl_fork(); if (!$child) { sleep(60); exit; }"
    blocks = f'{prepared} $size = memory_get_usage(); fwrite(STDOUT, "$child $size\\n"); {wait}'
    with PhpProcess(builds["own"]) as php:
        php.settled()
        php.send(blocks)
        child, size = map(int, php.line().split())
        try:
            wait_until(php.is_blocked)
            reading = reader.read([php.pid])[php.pid]
            assert reading is not None
            assert reading.heap_bytes == size
        finally:
            os.kill(child, 9)


def test_without_php_s_allocator_the_process_is_refused(reader: Reader, builds: dict[str, PhpBuild]) -> None:
    with PhpProcess(builds["own"], environment={"USE_ZEND_ALLOC": "0"}) as php:
        php.tell()
        assert reader.read([php.pid]) == {php.pid: None}
        assert "USE_ZEND_ALLOC=0" in reader.refusals[php.pid]
        assert not reader.absent
        assert reader.total([php.pid]) is None


def test_a_huge_block_that_begins_like_a_heap_changes_nothing(reader: Reader, builds: dict[str, PhpBuild]) -> None:
    marker = 0x5EED_F00D_1234_5678
    with PhpProcess(builds["own"]) as php:
        php.settled(f"$kept = new SplFixedArray(400000); $kept[0] = {marker};")
        block = aligned_address_of(php.pid, marker)
        said = php.settled(f"$kept[0] = {block + HEAP_SLOT};")
        assert reader.read([php.pid]) == {php.pid: said}


def read_often(heaps: HeapReader, pid: int) -> list[HeapReading]:
    return [reading for _ in range(1000) if (reading := heaps.read([pid])[pid])]


def test_a_process_at_work_gives_readings_or_nothing_until_it_is_killed(
    heaps: HeapReader, builds: dict[str, PhpBuild]
) -> None:
    with PhpProcess(builds["own"]) as php:
        base = php.settled().heap_bytes
        php.send(
            "for (;;) { $a = []; while (count($a) < 300) $a[] = str_repeat('x', 5000); $b = str_repeat('y', 3000000); }"
        )
        readings: list[HeapReading] = []
        deadline = time.monotonic() + 20.0
        while len(readings) <= 200 and time.monotonic() < deadline:
            readings += read_often(heaps, php.pid)
        killer = threading.Timer(0.05, php.kill)
        killer.start()
        while killer.is_alive():
            readings += read_often(heaps, php.pid)
    assert len(readings) > 200
    assert all(base <= reading.heap_bytes <= reading.peak_bytes < base + 20_000_000 for reading in readings)
    assert heaps.read([php.pid]) == {php.pid: None}


def test_a_refusal_stands_for_milliseconds(builds: dict[str, PhpBuild]) -> None:
    now = [100.0]
    with PhpProcess(builds["own"]) as shell, HeapReader(clock=lambda: now[0]) as heaps:
        shell.settled()
        php = builds["own"].command[0]
        shell.send(f"pcntl_exec('/bin/sh', ['-c', 'read line; exec {php} -n -r \"sleep(60);\"']);")
        wait_until(lambda: shell.program() == "sh" and shell.is_blocked())
        assert heaps.read([shell.pid]) == {shell.pid: None}
        shell.send("go")
        wait_until(lambda: has_heap(shell.pid))
        assert heaps.read([shell.pid]) == {shell.pid: None}
        now[0] += 0.3
        assert heaps.read([shell.pid])[shell.pid] is not None


def test_descriptors_are_given_back(builds: dict[str, PhpBuild]) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with PhpProcess(builds["own"]) as first, PhpProcess(builds["own"]) as second, HeapReader() as heaps:
        first.settled()
        second.settled()
        heaps.read([first.pid, second.pid, os.getpid(), 2**22 + 1])
        first.kill()
        heaps.read([first.pid, second.pid])
    heaps.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.fixture
def nobody() -> Iterator[None]:
    """Without root's rights, for as long as it lasts."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_without_rights_the_refusal_says_what_would_help(heaps: HeapReader, nobody: None) -> None:
    assert heaps.read([1]) == {1: None}
    assert "no right to read the memory of process 1" in heaps.refusals[1]
    assert "CAP_SYS_PTRACE" in heaps.refusals[1]
    assert "sidecar" in heaps.refusals[1]
    assert not heaps.absent
    assert heaps.total([1]) is None
    with pytest.raises(SampleError, match="no right"):
        find_heaps(1)


@pytest.fixture
def holder() -> Iterator[Holder]:
    with contextlib.closing(Holder()) as process:
        yield process


def test_the_heaps_of_threads_are_added_up_and_new_ones_are_noticed(holder: Holder, reader: Reader) -> None:
    holder.tell("heap 100000")
    assert reader.read([holder.pid])[holder.pid] == HeapReading(100_000, 100_000, CHUNK_BYTES)
    holder.tell("thread 23000")
    assert reader.read([holder.pid])[holder.pid] == HeapReading(123_000, 123_000, 2 * CHUNK_BYTES)
    holder.tell("thread 1")
    assert reader.read([holder.pid])[holder.pid] == HeapReading(123_001, 123_001, 3 * CHUNK_BYTES)


def test_a_heap_with_another_allocator_in_front_is_refused(holder: Holder, reader: Reader) -> None:
    holder.tell("heap 100000")
    holder.tell(f"spoil {HEAP_SLOT} 1")
    assert reader.read([holder.pid]) == {holder.pid: None}
    assert "replaced PHP's allocator" in reader.refusals[holder.pid]
    assert not reader.absent


def test_a_heap_in_an_unknown_layout_is_refused(holder: Holder, reader: Reader) -> None:
    holder.tell("heap 100000")
    holder.tell("spoil 32 7")
    assert reader.read([holder.pid]) == {holder.pid: None}
    assert "no layout that is known" in reader.refusals[holder.pid]
    assert not reader.absent


def test_memory_that_was_only_reserved_is_left_alone(holder: Holder, reader: Reader) -> None:
    holder.tell("heap 100000")
    before = page_table_bytes(holder.pid)
    holder.tell("reserve 40")
    assert reader.read([holder.pid])[holder.pid] == HeapReading(100_000, 100_000, CHUNK_BYTES)
    assert page_table_bytes(holder.pid) - before < 100_000


def test_the_search_for_a_heap_has_a_limit(holder: Holder, reader: Reader) -> None:
    holder.tell("heap 100000")
    holder.tell("reserve 300")
    assert reader.read([holder.pid]) == {holder.pid: None}
    assert "to look for a heap in" in reader.refusals[holder.pid]
    assert not reader.absent


def test_a_child_that_still_uses_its_parent_s_memory_is_not_counted(
    holder: Holder, reader: Reader, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    holder.tell("heap 100000")
    holder.tell(f"spawn {fifo}")
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
    wait_until(children.read_text)
    child = int(children.read_text())
    try:
        wait_until(lambda: ") D " in Path(f"/proc/{holder.pid}/stat").read_text())
        assert reader.read([child]) == {child: None}
        assert "being started" in reader.refusals[child]
        assert reader.total([holder.pid, child]) is None
        fifo.write_text("")
        wait_until(lambda: reader.read([child]) == {child: None} and reader.absent == {child})
    finally:
        os.kill(child, 9)
