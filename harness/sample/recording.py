"""Reads recordings of both formats again; what is wrong with one is told with its file and line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from harness.errors import InputError
from harness.model.samples import TRACE_FORMAT, TRACE_VERSION, Recording, Sample, TraceHeader
from harness.model.screen import SCREEN_FORMAT, SCREEN_VERSION, ScreenHeader, ScreenRecording, ScreenRequest
from harness.sample.recorder import SAMPLES_FILE

MAX_LINE_BYTES = 16 * 1024 * 1024
_HINT = "record it again, or remove what was added to the file"

TraceFormat = Literal["hyperleak-trace", "hyperleak-screen"]
_VERSIONS: dict[TraceFormat, int] = {TRACE_FORMAT: TRACE_VERSION, SCREEN_FORMAT: SCREEN_VERSION}
_Header = TypeVar("_Header", TraceHeader, ScreenHeader)
_Row = TypeVar("_Row", Sample, ScreenRequest)
_Model = TypeVar("_Model", bound=BaseModel)


class _Line(NamedTuple):
    """One line that is not blank; `whole`: it ends in a newline, as the recorder writes it."""

    place: str
    text: bytes
    whole: bool


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
    lines = _lines(recording_file(path))
    header = _header(lines, path, TRACE_FORMAT, TraceHeader)
    _check_endpoints(header.endpoints, path)
    samples, truncated = _body(lines, Sample, lambda before, now: _sample_fault(header, before, now))
    return Recording(header=header, samples=samples, truncated=truncated)


def read_screening(path: Path) -> ScreenRecording:
    """The screening recorded in a run folder or a trace file; cut-off lines and InputError as for `read_recording`."""
    lines = _lines(recording_file(path))
    header = _header(lines, path, SCREEN_FORMAT, ScreenHeader)
    _check_endpoints(header.endpoints, path)
    requests, truncated = _body(lines, ScreenRequest, lambda before, now: _request_fault(header, before, now))
    return ScreenRecording(header=header, requests=requests, truncated=truncated)


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
                if text.strip():
                    yield _Line(f"{path}:{number}", text, text.endswith(b"\n"))
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


def _body(
    lines: Iterator[_Line], model: type[_Row], fault: Callable[[_Row | None, _Row], str | None]
) -> tuple[tuple[_Row, ...], bool]:
    """All rows, and whether the last was cut off; `fault` says what is wrong with a row after the one before it."""
    rows: list[_Row] = []
    for line in lines:
        try:
            row = _parsed(line, model)
        except InputError:
            if line.whole:
                raise
            return tuple(rows), True
        wrong = fault(rows[-1] if rows else None, row)
        if wrong:
            raise InputError(f"{line.place}: {wrong}", hint=_HINT)
        rows.append(row)
    return tuple(rows), False


def _parsed(line: _Line, model: type[_Model]) -> _Model:
    try:
        # The array of a screening becomes fields in Python, where strict would want tuples; its fields decide alone.
        return model.model_validate_json(line.text, strict=None if model is ScreenRequest else True)
    except ValidationError as error:
        first, *others = error.errors(include_url=False, include_context=False, include_input=False)
        where = ".".join(map(str, first["loc"]))
        more = f" (and {len(others)} more mistakes)" if others else ""
        raise InputError(f"{line.place}: {where and where + ': '}{first['msg']}{more}", hint=_HINT) from error


def _sample_fault(header: TraceHeader, before: Sample | None, now: Sample) -> str | None:
    counters = {"requests": now.requests, "failures": now.failures, "statuses": now.statuses}
    for field, counts in counters.items():
        if counts is not None and len(counts) != len(header.endpoints):
            return f"{field} has {len(counts)} numbers, but the header names {len(header.endpoints)} endpoints"
    if before is None:
        return None
    if now.elapsed_s < before.elapsed_s:
        return f"elapsed_s goes back from {before.elapsed_s} to {now.elapsed_s}"
    return _decrease("requests", header, before.requests, now.requests) or _decrease(
        "failures", header, before.failures, now.failures
    )


def _decrease(field: str, header: TraceHeader, before: tuple[int, ...], now: tuple[int, ...]) -> str | None:
    for name, was, is_now in zip(header.endpoints, before, now, strict=True):
        if is_now < was:
            return f"{field} of {name} go down from {was} to {is_now}; they are cumulative"
    return None


def _request_fault(header: ScreenHeader, before: ScreenRequest | None, now: ScreenRequest) -> str | None:
    if now.endpoint >= len(header.endpoints):
        return f"endpoint {now.endpoint} is not one of the {len(header.endpoints)} in the header (from 0)"
    if before is not None and now.elapsed_s < before.elapsed_s:
        return f"elapsed_s goes back from {before.elapsed_s} to {now.elapsed_s}"
    return None
