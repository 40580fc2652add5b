"""The cycle collector as read from outside is what `gc_status()` says, on PHP of several versions."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from harness.sample.collector import CollectorReader, CollectorReading
from tests.integration.php_builds import PhpBuild, debian_builds, own_php
from tests.integration.php_process import PhpProcess

CYCLES = "class N { public $me; } for ($i = 0; $i < 300; $i++) { $a = new N; $a->me = $a; } unset($a);"
MANY = "for ($i = 0; $i < 30000; $i++) { $a = new N; $a->me = $a; }"


@pytest.fixture(scope="module")
def builds() -> list[PhpBuild]:
    return [own_php(), *debian_builds()]


@pytest.fixture
def reader() -> Iterator[CollectorReader]:
    reader = CollectorReader()
    yield reader
    reader.close()


def said(process: PhpProcess) -> CollectorReading:
    fields = "$s['runs'], $s['collected'], $s['threshold'], $s['roots']"
    process.send(f"$s = gc_status(); fprintf(STDOUT, '%d %d %d %d' . PHP_EOL, {fields});")
    status = CollectorReading(*map(int, process.line().split()))
    process.line()
    return status


def test_runs_roots_and_collected_are_those_that_php_says(builds: list[PhpBuild], reader: CollectorReader) -> None:
    for build in builds:
        with PhpProcess(build) as php:
            php.tell()
            for code in ("", CYCLES, "gc_collect_cycles();", MANY):
                php.tell(code)
                expected = said(php)
                assert reader.read([php.pid])[php.pid] == expected, (build.name, code)


def test_garbage_shows_as_roots_and_a_plain_array_does_not(reader: CollectorReader) -> None:
    with PhpProcess(own_php()) as php:
        php.tell(CYCLES)
        before = said(php).roots
        php.tell("for ($i = 0; $i < 500; $i++) { $kept[] = str_repeat('x', 100 + $i); }")
        reading = reader.read([php.pid])[php.pid]
        assert reading
        assert reading.roots - before < 5
        assert before >= 300


def test_a_process_without_php_tells_nothing(reader: CollectorReader) -> None:
    process = subprocess.Popen(["sleep", "30"])
    try:
        assert reader.read([process.pid]) == {process.pid: None}
    finally:
        process.kill()
        process.wait()


def test_a_process_that_ended_tells_nothing(reader: CollectorReader) -> None:
    with PhpProcess(own_php()) as php:
        php.tell()
        assert reader.read([php.pid])[php.pid]
        php.kill()
        assert reader.read([php.pid])[php.pid] is None
