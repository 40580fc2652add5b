"""Rows against the models: the same fields, the same numbers, and the same told of what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec import json as msgspec_json
from pydantic import ValidationError

from harness.analysis.attribute import Analysis, analyse
from harness.analysis.decide import Settings
from harness.errors import InputError
from harness.model.base import Value
from harness.model.samples import CgroupReading, PhpReading, ProcessReading, Sample, WindowMark
from harness.reanalysis import analyse_path
from harness.sample.recording import read_recording, stream_recording
from harness.sample.rows import CgroupRow, PhpRow, ProcessRow, SampleRow, WindowRow, sample_row
from tests.unit.sample.test_recording import DAMAGES, HEADER, TRACES, sample, trace

ROWS: list[tuple[type[Struct], type[Value]]] = [
    (SampleRow, Sample),
    (ProcessRow, ProcessReading),
    (PhpRow, PhpReading),
    (CgroupRow, CgroupReading),
    (WindowRow, WindowMark),
]
numbers = (
    st.none() | st.booleans() | st.integers() | st.sampled_from([-1, 0, 2**63 - 1, 2**63, -(2**63), 1.0, 0.5, "1"])
)
fields = st.sampled_from([*ProcessReading.model_fields, *PhpReading.model_fields, "colour"])
things = st.dictionaries(fields, numbers, max_size=3)
processes = st.builds(lambda more, php: {"pid": 1, "php": php} | more, things, st.none() | things)


@pytest.mark.parametrize(("row", "model"), [pytest.param(*pair, id=pair[1].__name__) for pair in ROWS])
def test_a_row_has_the_fields_of_its_model(row: type[Struct], model: type[Value]) -> None:
    assert row.__struct_fields__ == tuple(model.model_fields)
    assert len(row.__struct_defaults__) == sum(not field.is_required() for field in model.model_fields.values())


@settings(deadline=None, max_examples=300)
@given(process=processes, elapsed_s=numbers, index=numbers, count=numbers)
def test_a_row_is_what_the_model_reads_or_nothing(process: Any, elapsed_s: Any, index: Any, count: Any) -> None:
    mark = {"index": index, "block": 0, "kind": "load"}
    text = json.dumps(sample(elapsed_s, processes=[process], window=mark) | {"requests": [count]}).encode()
    try:
        expected = Sample.model_validate_json(text, strict=True)
    except ValidationError:
        assert sample_row(text) is None
        return
    row = sample_row(text)
    assert row is not None
    assert Sample.model_validate_json(msgspec_json.encode(row), strict=True) == expected
    assert [process.key for process in row.processes] == [process.key for process in expected.processes]


@pytest.mark.parametrize("name", ["clean-only", "five-causes", "static-big-cache", "steady-static"])
def test_the_verdict_of_a_file_is_that_of_its_recording(name: str) -> None:
    path = TRACES / f"{name}.jsonl"
    assert analyse_path(path) == analyse(read_recording(path), Settings(), run_id=path.name)


@pytest.mark.parametrize(("lines", "message"), [pytest.param(*case[1:], id=case[0]) for case in DAMAGES])
def test_damage_is_told_in_the_same_words(tmp_path: Path, lines: list[Any], message: str) -> None:
    path = trace(tmp_path, *lines)
    with pytest.raises(InputError, match=message) as refused:
        list(stream_recording(path)[1])
    with pytest.raises(InputError) as expected:
        read_recording(path)
    assert (refused.value.message, refused.value.hint) == (expected.value.message, expected.value.hint)


def test_a_cut_off_line_is_left_out_and_told(tmp_path: Path) -> None:
    path = trace(tmp_path, HEADER, sample(1.0), '{"elapsed_s": 2.0, "requ', end="")
    _, rows = stream_recording(path)
    assert [row.elapsed_s for row in rows] == [1.0]
    assert rows.truncated
    assert any("ends in the middle of a line" in note for note in analyse_path(path).notes)


def test_events_and_restarts_are_those_of_the_models(tmp_path: Path) -> None:
    killed = {"elapsed_s": 2.0, "kind": "oom_kill", "detail": "1 process(es) killed at the memory limit"}
    each = [
        sample(1.0, processes=[{"pid": 7, "name": "worker", "started_s": 0.5}]),
        sample(2.0, processes=[{"pid": 8, "name": "worker", "started_s": 1.5}], events=[killed]),
    ]
    header, rows = stream_recording(trace(tmp_path, HEADER, *each))
    analysis = Analysis(header, Settings())
    analysis.take(list(rows))
    assert [event.kind for event in analysis.verdict().events] == ["oom_kill", "worker_restart"]
