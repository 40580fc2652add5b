"""What a recorder writes is on disk at once, whole, and reads back the same."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import StorageError
from harness.model.samples import (
    CgroupReading,
    Event,
    PhpReading,
    ProcessReading,
    Sample,
    TraceHeader,
    WindowMark,
)
from harness.model.screen import ScreenHeader, ScreenRequest
from harness.sample.recorder import Recorder, ScreenRecorder
from harness.sample.recording import read_recording, read_screening

HEADER = TraceHeader(endpoints=("GET /a", "GET /ü"), target={"app": None}, schedule={"seed": 1}, notes=("one",))
SAMPLE_LIMIT_BYTES = 4096

seconds = st.floats(0, 1e9)
counts = st.integers(0, 2**63 - 1)
sizes = st.integers(-(2**63), 2**63 - 1)
optional_sizes = st.none() | sizes
phps = st.builds(PhpReading, heap_bytes=sizes, heap_peak_bytes=optional_sizes, gc_freed_bytes=optional_sizes)
processes = st.builds(
    ProcessReading,
    pid=st.integers(1, 2**22),
    name=st.text(),
    started_s=st.none() | seconds,
    private_dirty_bytes=optional_sizes,
    php=st.none() | phps,
)
windows = st.builds(WindowMark, index=counts, block=counts, kind=st.sampled_from(["load", "idle"]), load_s=seconds)
samples = st.builds(
    Sample,
    elapsed_s=st.just(1.0),
    requests=st.just((3, 4)),
    failures=st.just((0, 1)),
    statuses=st.none() | st.tuples(*[st.dictionaries(st.text(), counts, max_size=2)] * 2),
    cgroup=st.none() | st.builds(CgroupReading, anon_bytes=sizes, usage_bytes=optional_sizes),
    processes=st.lists(processes, max_size=3).map(tuple),
    window=st.none() | windows,
    events=st.lists(st.builds(Event, elapsed_s=seconds, kind=st.text(), detail=st.text()), max_size=2).map(tuple),
)


def a_sample(number: int) -> Sample:
    return Sample(elapsed_s=number, requests=(number, 0), failures=(0, 0))


@settings(deadline=None, max_examples=60)
@given(st.lists(samples, max_size=4))
def test_every_sample_reads_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, taken: list[Sample]) -> None:
    path = tmp_path_factory.mktemp("run") / "samples.jsonl"
    with Recorder(path, HEADER) as recorder:
        for sample in taken:
            recorder.write(sample)
    recording = read_recording(path)
    assert (recording.header, recording.samples, recording.truncated) == (HEADER, tuple(taken), False)


def test_every_screened_request_reads_back_as_it_was(tmp_path: Path) -> None:
    header = ScreenHeader(endpoints=("GET /a",), seed=7)
    requests = (
        ScreenRequest(elapsed_s=0.001, endpoint=0, status=200, heaps={12: (5, 6)}),
        ScreenRequest(elapsed_s=0.002, endpoint=0, status=None, heaps={12: (6, None), 13: (None, 4)}),
        ScreenRequest(elapsed_s=0.003, endpoint=0, status=404),
    )
    with ScreenRecorder(tmp_path / "s.jsonl", header) as recorder:
        for request in requests:
            recorder.write(request)
    screening = read_screening(tmp_path / "s.jsonl")
    assert (screening.header, screening.requests, screening.truncated) == (header, requests, False)
    assert (tmp_path / "s.jsonl").read_text().splitlines()[2] == '[0.002,0,null,{"12":[6,null],"13":[null,4]}]'


def test_a_run_folder_is_read_through_its_samples(tmp_path: Path) -> None:
    with Recorder(tmp_path / "samples.jsonl", HEADER) as recorder:
        recorder.write(a_sample(1))
    assert len(read_recording(tmp_path).samples) == 1


def test_each_sample_is_in_the_file_before_the_next_is_taken(tmp_path: Path) -> None:
    with Recorder(tmp_path / "s.jsonl", HEADER) as recorder:
        for number in range(3):
            recorder.write(a_sample(number))
            assert len(read_recording(tmp_path / "s.jsonl").samples) == number + 1


def test_what_was_recorded_outlives_a_kill(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from harness.model.samples import Sample, TraceHeader
from harness.sample.recorder import Recorder
recorder = Recorder(Path(sys.argv[1]), TraceHeader(endpoints=("GET /a",)))
for number in range(100):
    recorder.write(Sample(elapsed_s=number, requests=(number,), failures=(0,)))
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "s.jsonl"
    done = subprocess.run([sys.executable, "-c", program, str(path)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    recording = read_recording(path)
    assert (len(recording.samples), recording.truncated) == (100, False)


def test_an_older_recording_is_never_written_over(tmp_path: Path) -> None:
    Recorder(tmp_path / "s.jsonl", HEADER).close()
    with pytest.raises(StorageError, match="exists already"):
        Recorder(tmp_path / "s.jsonl", HEADER)
    assert read_recording(tmp_path / "s.jsonl").header == HEADER


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot write .*nowhere/s\.jsonl: No such file"):
        Recorder(tmp_path / "nowhere" / "s.jsonl", HEADER)


@contextmanager
def little_room() -> Iterator[None]:
    """The kernel refuses files beyond 4 KiB, as a full disk does; writing stops in the middle of a line.

    It holds for the whole process, so it must not last until the test's result is printed, to a file perhaps.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SAMPLE_LIMIT_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_and_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    recorder = Recorder(path, HEADER)
    kept = 0
    with little_room(), pytest.raises(StorageError, match="cannot write") as refused:  # noqa: PT012 - the count matters
        while True:
            recorder.write(a_sample(kept))
            kept += 1
    recorder.close()
    assert refused.value.exit_code == 4
    assert "hyperleak analyze" in refused.value.hint
    recording = read_recording(path)
    assert (len(recording.samples), recording.truncated) == (kept, False)


def test_a_disk_too_full_for_the_header_is_told(tmp_path: Path) -> None:
    with little_room(), pytest.raises(StorageError, match="cannot write"):
        Recorder(tmp_path / "s.jsonl", TraceHeader(endpoints=("x" * 5000,)))
