"""Values files: rows whose columns fill the templates of an endpoint. CSV with a header, JSON, or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from harness.model.load import Scalar
from harness.scenario.problems import Mark, Mistake, quoted
from harness.scenario.source_file import read_source

MAX_VALUES_BYTES = 2 * 1024 * 1024
MAX_CELLS = 200_000
SUFFIXES = (".csv", ".json", ".jsonl")

Row = dict[str, Scalar]


def read_values(path: Path) -> tuple[Row, ...]:
    """The rows of a file with one of `SUFFIXES`; raises Mistake with the mark inside of that file."""
    reader = {".csv": _csv_rows, ".json": _json_rows, ".jsonl": _json_lines}[path.suffix.lower()]
    text = read_source(path, what="values file", max_bytes=MAX_VALUES_BYTES)
    rows: list[Row] = []
    cells = 0
    for line, row in reader(text):
        cells += len(row)
        if cells > MAX_CELLS:
            _wrong(line, f"the values file has more than {MAX_CELLS} cells", "keep fewer rows or columns")
        rows.append(row)
    if not rows:
        _wrong(1, "the values file has no rows", "add a row of values")
    return tuple(rows)


def _csv_rows(text: str) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            if header is None:
                header = _header(cells)
            elif len(cells) == len(header):
                yield reader.line_num, dict(zip(header, cells, strict=True))
            elif cells:
                what = f"the row has {len(cells)} cells, the header {len(header)}"
                _wrong(reader.line_num, what, "give every row as many cells as the header, quotes around commas")
    except csv.Error as error:
        _wrong(max(reader.line_num, 1), f"this is not CSV: {error}", "check the quotes")


def _header(names: list[str]) -> list[str]:
    if len(names) > MAX_CELLS:
        _wrong(1, "the values file has too many columns", "keep the ones that templates use")
    seen: set[str] = set()
    for name in names:
        if not name.strip() or name in seen:
            what = f"the column {quoted(name)} is here twice" if name in seen else "a column has no name"
            _wrong(1, what, "give every column a name of its own in the first line")
        seen.add(name)
    return names


def _json_rows(text: str) -> Iterator[tuple[int, Row]]:
    rows = _decode(text, line=1)
    if not isinstance(rows, list):
        _wrong(1, "the values file is not a list", "write [{…}, {…}], or .jsonl with an object in every line")
    for index, row in enumerate(rows):
        yield 1, _row(row, 1, f"row {index + 1}")


def _json_lines(text: str) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, _row(_decode(line, number), number, "this line")


def _decode(text: str, line: int) -> object:
    try:
        return json.loads(text, parse_constant=_not_finite, parse_float=_finite)
    except json.JSONDecodeError as error:
        mark = Mark(line + error.lineno - 1, error.colno)
        raise Mistake(f"this is not JSON: {error.msg}", "check the quotes, commas and brackets", mark) from None
    except ValueError as error:
        _wrong(line, f"this can't be read: {error}", "put the number in quotes or remove it")
    except RecursionError:
        _wrong(line, "this is nested too deeply", "give every column one plain value")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _not_finite(text)


def _not_finite(text: str) -> NoReturn:
    raise ValueError(f"{quoted(text)} is not a finite number")


def _row(row: object, line: int, which: str) -> Row:
    if not isinstance(row, dict) or not row:
        _wrong(line, f"{which} is not an object with values", "write it like {…}")
    for name, cell in row.items():
        if not isinstance(cell, (str, int, float, bool, type(None))):
            _wrong(
                line, f"the cell {quoted(name)} of {which} is a list or an object", "give every column one plain value"
            )
    return row


def _wrong(line: int, what: str, to_do: str) -> NoReturn:
    raise Mistake(what, to_do, Mark(line, 1))
