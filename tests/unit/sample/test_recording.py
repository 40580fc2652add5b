"""Reading recordings: every trace that was kept, cut-off ones, and all kinds of damage."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import InputError
from harness.sample import recording as recording_module
from harness.sample.recording import read_recording, read_screening, sniff_format

TRACES = Path(__file__).parents[2] / "data" / "traces"
HEADER = {"format": "hyperleak-trace", "version": 1, "endpoints": ["GET /a", "GET /b"]}
SCREEN_HEADER = {"format": "hyperleak-screen", "version": 1, "endpoints": ["GET /a"], "seed": 1}


def sample(elapsed_s: float, first: int = 0, second: int = 0, **more: Any) -> dict[str, Any]:
    return {"elapsed_s": elapsed_s, "requests": [first, second], "failures": [0, 0]} | more


def trace(folder: Path, *lines: Any, end: str = "\n") -> Path:
    """A trace of these lines; what is no text is written as JSON."""
    path = folder / "t.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + end)
    return path


@pytest.mark.parametrize("name", ["clean-only", "five-causes", "static-big-cache", "steady-static"])
def test_every_kept_run_is_read(name: str) -> None:
    path = TRACES / f"{name}.jsonl"
    recording = read_recording(path)
    assert sniff_format(path) == "hyperleak-trace"
    assert len(recording.samples) == path.read_bytes().count(b"\n") - 1 > 100
    assert not recording.truncated
    last = recording.samples[-1]
    assert len(last.requests) == len(recording.header.endpoints)
    assert last.cgroup is not None
    assert sum(process.php is not None for process in last.processes) == 2
    assert recording.header.schedule["window_s"] == 0.5


@pytest.mark.parametrize(("name", "endpoints"), [("screen-causes", 15), ("screen-cache-cycle", 4)])
def test_every_kept_screening_is_read(name: str, endpoints: int) -> None:
    path = TRACES / f"{name}.jsonl"
    screening = read_screening(path)
    assert sniff_format(path) == "hyperleak-screen"
    assert len(screening.header.endpoints) == endpoints
    assert len(screening.requests) == path.read_bytes().count(b"\n") - 1
    first = screening.requests[0]
    ((before, after),) = first.heaps.values()
    assert before is not None
    assert after is not None
    assert (first.status, after > before) == (200, True)


def test_what_a_later_version_adds_is_passed_over(tmp_path: Path) -> None:
    later = sample(1.0, 1, new_field={"x": 1}, processes=[{"pid": 3, "colour": "red"}])
    recording = read_recording(trace(tmp_path, HEADER | {"mood": "good"}, later))
    assert recording.samples[0].processes[0].pid == 3
    screening = read_screening(trace(tmp_path, SCREEN_HEADER, [0.1, 0, 200, {"5": [1, 2]}, 3, "new"]))
    assert (screening.requests[0].heaps, screening.requests[0].roots) == ({5: (1, 2)}, 3)


def test_blank_lines_are_passed_over(tmp_path: Path) -> None:
    assert len(read_recording(trace(tmp_path, HEADER, "", sample(1.0), "  ", "")).samples) == 1


def test_a_whole_last_line_without_newline_counts(tmp_path: Path) -> None:
    recording = read_recording(trace(tmp_path, HEADER, sample(1.0), end=""))
    assert (len(recording.samples), recording.truncated) == (1, False)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_run_cut_off_anywhere_keeps_its_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = trace(tmp_path_factory.mktemp("t"), HEADER, *(sample(n, n, 2 * n) for n in range(4))).read_bytes()
    header_size = whole.index(b"\n")
    cut = data.draw(st.integers(header_size, len(whole)))
    path = tmp_path_factory.mktemp("t") / "cut.jsonl"
    path.write_bytes(whole[:cut])
    recording = read_recording(path)
    complete = [line for line in whole.splitlines(keepends=True)[1:] if whole.index(line) + len(line) - 1 <= cut]
    assert len(recording.samples) == len(complete)
    assert recording.truncated == (whole[:cut].splitlines()[-1] + b"\n" not in whole.splitlines(keepends=True))


DAMAGES: list[tuple[str, list[Any], str]] = [
    ("an empty file", [], r"the recording is empty"),
    ("no JSON", ["hello", sample(1.0)], r":1: the header is not JSON"),
    ("no header", [sample(1.0)], r":1: the first line names no format"),
    ("a list as header", [[1, 2]], r":1: the first line names no format"),
    ("another format", [{"format": "har"}], r":1: the first line names no format"),
    ("another version", [HEADER | {"version": 2}], r":1: hyperleak-trace version 2 is not read here"),
    ("no endpoints", [{"format": "hyperleak-trace", "version": 1}], r":1: endpoints: Field required"),
    ("an empty list of endpoints", [HEADER | {"endpoints": []}], r"names no endpoint"),
    ("an endpoint twice", [HEADER | {"endpoints": ["a", "a"]}], r"names a more than once"),
    ("a line that is no JSON", [HEADER, "oops", sample(1.0)], r":2: Invalid JSON"),
    ("a line that is a list", [HEADER, [1]], r":2: Input should be an object"),
    ("counters too short", [HEADER, sample(1.0) | {"requests": [1]}], r":2: requests has 1 numbers, .* 2 endpoints"),
    ("failures too long", [HEADER, sample(1.0) | {"failures": [1, 2, 3]}], r":2: failures has 3 numbers"),
    ("statuses too short", [HEADER, sample(1.0, statuses=[{}])], r":2: statuses has 1 numbers"),
    ("going down", [HEADER, sample(1.0, 5), sample(2.0, 4)], r":3: requests of GET /a go down from 5 to 4"),
    ("going back in time", [HEADER, sample(2.0), "", sample(1.0)], r":4: elapsed_s goes back from 2.0 to 1.0"),
    ("NaN", [HEADER, '{"elapsed_s": NaN, "requests": [1, 1], "failures": [0, 0]}'], r":2: elapsed_s: "),
    ("infinity", [HEADER, '{"elapsed_s": 1e999, "requests": [1, 1], "failures": [0, 0]}'], r":2: elapsed_s: "),
    ("a negative count", [HEADER, sample(1.0, -1)], r":2: requests\.0: .*greater than or equal to 0"),
    ("a text as count", [HEADER, sample(1.0) | {"requests": ["1", 2]}], r":2: requests\.0: .*valid integer"),
    ("more than 64 bits", [HEADER, sample(1.0, 10**30)], r":2: requests\.0: "),
    ("thousands of digits", [HEADER, sample(1.0) | {"requests": []}, "[" + "9" * 5000 + "]"], r":2: requests"),
    ("NUL bytes", [HEADER, "\0\0\0\0"], r":2: Invalid JSON"),
    ("deep nesting", [HEADER, "[" * 100_000], r":2: Invalid JSON"),
    ("a deeply nested header", ["[" * 100_000], r":1: the header is not JSON"),
    ("several mistakes", [HEADER, {"elapsed_s": "x"}], r":2: elapsed_s: .* \(and 2 more mistakes\)"),
]


@pytest.mark.parametrize(("lines", "message"), [pytest.param(*case[1:], id=case[0]) for case in DAMAGES])
def test_damage_is_told_with_its_file_and_line(tmp_path: Path, lines: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        read_recording(trace(tmp_path, *lines))
    assert "t.jsonl" in refused.value.message
    assert refused.value.hint
    assert refused.value.exit_code == 2


SCREEN_DAMAGES: list[tuple[str, list[Any], str]] = [
    ("an unknown endpoint", [SCREEN_HEADER, [0.1, 1, 200, {}]], r":2: endpoint 1 is not one of the 1"),
    ("a short row", [SCREEN_HEADER, [0.1, 0]], r":2: status: Field required"),
    ("going back in time", [SCREEN_HEADER, [0.2, 0, 200, {}], [0.1, 0, 200, {}]], r":3: elapsed_s goes back"),
    ("a heap with one side", [SCREEN_HEADER, [0.1, 0, 200, {"7": [1]}]], r":2: heaps\.7"),
    ("a heap in words", [SCREEN_HEADER, [0.1, 0, 200, {"7": ["1", 2]}]], r":2: heaps\.7\.0: .*valid integer"),
    ("a pid in words", [SCREEN_HEADER, [0.1, 0, 200, {"me": [1, 2]}]], r":2: heaps\.me"),
    ("a number as row", [SCREEN_HEADER, "17"], r":2: "),
]


@pytest.mark.parametrize(("lines", "message"), [pytest.param(*case[1:], id=case[0]) for case in SCREEN_DAMAGES])
def test_damage_of_a_screening_is_told_too(tmp_path: Path, lines: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_screening(trace(tmp_path, *lines))


def test_a_cut_off_screening_keeps_its_whole_lines(tmp_path: Path) -> None:
    screening = read_screening(trace(tmp_path, SCREEN_HEADER, [0.1, 0, 200, {}], "[0.2, 0, 2", end=""))
    assert (len(screening.requests), screening.truncated) == (1, True)


def test_a_header_that_was_cut_off_says_that_nothing_was_recorded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is cut off, so nothing was recorded"):
        read_recording(trace(tmp_path, '{"format": "hyper', end=""))


def test_a_binary_file_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    path.write_bytes(bytes(range(256)) * 64)
    with pytest.raises(InputError, match=r"t\.bin:1: the header is not JSON"):
        sniff_format(path)


def test_a_huge_line_is_refused_before_it_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_module, "MAX_LINE_BYTES", 1024**2)
    with pytest.raises(InputError, match=r":2: the line is longer than 1 MiB"):
        read_recording(trace(tmp_path, HEADER, "[" + "1," * 2**20))


def test_each_kind_is_told_when_it_is_given_for_the_other(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this is a hyperleak-screen, not a hyperleak-trace"):
        read_recording(trace(tmp_path, SCREEN_HEADER))
    with pytest.raises(InputError, match="this is a hyperleak-trace, not a hyperleak-screen"):
        read_screening(trace(tmp_path, HEADER))


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*nothing\.jsonl: No such file"):
        read_recording(tmp_path / "nothing.jsonl")
    with pytest.raises(InputError, match=r"cannot read .*samples\.jsonl: No such file") as refused:
        read_recording(tmp_path)
    assert "run folder" in refused.value.hint


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300))
def test_no_bytes_whatever_are_more_than_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.jsonl"
    for start in (b"", json.dumps(HEADER).encode() + b"\n"):
        path.write_bytes(start + content)
        with contextlib.suppress(InputError):
            read_recording(path)
