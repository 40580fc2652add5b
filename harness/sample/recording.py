"""Reads recordings of both formats again; what is wrong with one is told with its file and line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from operator import lt
from pathlib import Path
from typing import Generic, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from harness.errors import InputError
from harness.model.samples import TRACE_FORMAT, TRACE_VERSION, Recording, Sample, SampleLike, TraceHeader
from harness.model.screen import SCREEN_FORMAT, SCREEN_VERSION, ScreenHeader, ScreenRecording, ScreenRequest
from harness.sample.recorder import SAMPLES_FILE
from harness.sample.rows import sample_row

MAX_LINE_BYTES = 16 * 1024 * 1024
_HINT = "record it again, or remove what was added to the file"

TraceFormat = Literal["hyperleak-trace", "hyperleak-screen"]
_VERSIONS: dict[TraceFormat, int] = {TRACE_FORMAT: TRACE_VERSION, SCREEN_FORMAT: SCREEN_VERSION}
_Header = TypeVar("_Header", TraceHeader, ScreenHeader)
_Row = TypeVar("_Row")
_Model = TypeVar("_Model", bound=BaseModel)


class _Line(NamedTuple):
    """One line that is not blank; `whole`: it ends in a newline, as the recorder writes it."""

    path: Path
    number: int
    text: bytes
    whole: bool

    @property
    def place(self) -> str:
        return f"{self.path}:{self.number}"


class Rows(Generic[_Row]):
    """The rows of a recording, to be gone through once: each is read when it is asked for, and checked.

    Once all are read `truncated` tells that the last was cut off. Raises InputError, with the place of what is wrong.
    """

    def __init__(
        self,
        lines: Iterator[_Line],
        parsed: Callable[[_Line], _Row],
        fault: Callable[[_Row | None, _Row], str | None],
    ) -> None:
        self._lines, self._parsed, self._fault = lines, parsed, fault
        self.truncated = False

    def __iter__(self) -> Iterator[_Row]:
        before: _Row | None = None
        for line in self._lines:
            try:
                row = self._parsed(line)
            except InputError:
                if line.whole:
                    raise
                self.truncated = True
                return
            if wrong := self._fault(before, row):
                raise InputError(f"{line.place}: {wrong}", hint=_HINT)
            yield row
            before = row


def recording_file(path: Path) -> Path:
    """The trace itself: `path`, or its `samples.jsonl` where that is a run folder."""
    return path / SAMPLES_FILE if path.is_dir() else path


def sniff_format(path: Path) -> TraceFormat:
    """Which of the two formats the run folder or trace file has. InputError: neither."""
    return _format_of(_first(_lines(recording_file(path)), path))


def read_recording(path: Path) -> Recording:
    """The run recorded in a run folder or a trace file.

    A last line without its newline that cannot be read was cut off by a killed run: it is left out and told by
    `truncated`. InputError: anything else that is not a trace.
    """
    header, lines = _opened(path)
    rows = Rows(lines, _sample, lambda before, now: _sample_fault(header, before, now))
    samples = tuple(rows)
    return Recording(header=header, samples=samples, truncated=rows.truncated)


def stream_recording(path: Path) -> tuple[TraceHeader, Rows[SampleLike]]:
    """The same for who goes through the samples once, however many there are."""
    header, lines = _opened(path)
    return header, Rows(lines, _sample_like, lambda before, now: _sample_fault(header, before, now))


def read_screening(path: Path) -> ScreenRecording:
    """The screening recorded in a run folder or a trace file; cut-off lines and InputError as for `read_recording`."""
    lines = _lines(recording_file(path))
    header = _header(lines, path, SCREEN_FORMAT, ScreenHeader)
    _check_endpoints(header.endpoints, path)
    rows = Rows(lines, _request, lambda before, now: _request_fault(header, before, now))
    requests = tuple(rows)
    return ScreenRecording(header=header, requests=requests, truncated=rows.truncated)


def _opened(path: Path) -> tuple[TraceHeader, Iterator[_Line]]:
    """A trace's header, and its lines after that."""
    lines = _lines(recording_file(path))
    header = _header(lines, path, TRACE_FORMAT, TraceHeader)
    _check_endpoints(header.endpoints, path)
    return header, lines


def _lines(path: Path) -> Iterator[_Line]:
    try:
        with path.open("rb") as file:
            number = 0
            while text := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(text) > MAX_LINE_BYTES:
                    raise InputError(
                        f"{path}:{number}: the line is longer than {MAX_LINE_BYTES // 1024**2} MiB", hint=_HINT
                    )
                if not text.isspace():
                    yield _Line(path, number, text, text.endswith(b"\n"))
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", hint="give a run folder (it holds samples.jsonl) or a trace file"
        ) from error


def _first(lines: Iterator[_Line], path: Path) -> _Line:
    line = next(lines, None)
    if line is None:
        raise InputError(f"{path}: the recording is empty", hint="the run ended before its first sample; run it again")
    return line


def _format_of(line: _Line) -> TraceFormat:
    try:
        head = json.loads(line.text)
    except (ValueError, RecursionError) as error:
        what = "is not JSON" if line.whole else "is cut off, so nothing was recorded"
        raise InputError(f"{line.place}: the header {what} ({error})", hint="is this a hyperleak recording?") from error
    name = head.get("format") if isinstance(head, dict) else None
    if not isinstance(name, str) or name not in _VERSIONS:
        raise InputError(
            f"{line.place}: the first line names no format that is known ({' or '.join(_VERSIONS)})",
            hint="is this a hyperleak recording? its first line is the header",
        )
    if head.get("version") != _VERSIONS[name]:
        raise InputError(
            f"{line.place}: {name} version {head.get('version')!r} is not read here, only {_VERSIONS[name]}",
            hint="use the hyperleak that recorded it, or a newer one",
        )
    return TRACE_FORMAT if name == TRACE_FORMAT else SCREEN_FORMAT


def _header(lines: Iterator[_Line], path: Path, expected: TraceFormat, model: type[_Header]) -> _Header:
    line = _first(lines, path)
    found = _format_of(line)
    if found != expected:
        raise InputError(f"{line.place}: this is a {found}, not a {expected}", hint="give the other kind of recording")
    return _parsed(line, model)


def _check_endpoints(endpoints: tuple[str, ...], path: Path) -> None:
    if not endpoints:
        raise InputError(f"{path}: the header names no endpoint", hint=_HINT)
    twice = sorted({name for name in endpoints if endpoints.count(name) > 1})
    if twice:
        raise InputError(f"{path}: the header names {', '.join(twice)} more than once", hint=_HINT)


def _sample(line: _Line) -> Sample:
    return _parsed(line, Sample)


def _sample_like(line: _Line) -> SampleLike:
    return sample_row(line.text) or _parsed(line, Sample)


def _request(line: _Line) -> ScreenRequest:
    return _parsed(line, ScreenRequest)


def _parsed(line: _Line, model: type[_Model]) -> _Model:
    try:
        # The array of a screening becomes fields in Python, where strict would want tuples; its fields decide alone.
        return model.model_validate_json(line.text, strict=None if model is ScreenRequest else True)
    except ValidationError as error:
        first, *others = error.errors(include_url=False, include_context=False, include_input=False)
        where = ".".join(map(str, first["loc"]))
        more = f" (and {len(others)} more mistakes)" if others else ""
        raise InputError(f"{line.place}: {where and where + ': '}{first['msg']}{more}", hint=_HINT) from error


def _sample_fault(header: TraceHeader, before: SampleLike | None, now: SampleLike) -> str | None:
    endpoints = len(header.endpoints)
    for field, counts in (("requests", now.requests), ("failures", now.failures), ("statuses", now.statuses)):
        if counts is not None and len(counts) != endpoints:
            return f"{field} has {len(counts)} numbers, but the header names {endpoints} endpoints"
    if before is None:
        return None
    if now.elapsed_s < before.elapsed_s:
        return f"elapsed_s goes back from {before.elapsed_s} to {now.elapsed_s}"
    return _decrease("requests", header, before.requests, now.requests) or _decrease(
        "failures", header, before.failures, now.failures
    )


def _decrease(field: str, header: TraceHeader, before: tuple[int, ...], now: tuple[int, ...]) -> str | None:
    if now == before or not any(map(lt, now, before)):
        return None
    name, was, is_now = next(row for row in zip(header.endpoints, before, now, strict=True) if row[2] < row[1])
    return f"{field} of {name} go down from {was} to {is_now}; they are cumulative"


def _request_fault(header: ScreenHeader, before: ScreenRequest | None, now: ScreenRequest) -> str | None:
    if now.endpoint >= len(header.endpoints):
        return f"endpoint {now.endpoint} is not one of the {len(header.endpoints)} in the header (from 0)"
    if before is not None and now.elapsed_s < before.elapsed_s:
        return f"elapsed_s goes back from {before.elapsed_s} to {now.elapsed_s}"
    return None
