"""Values files: rows of text or of typed scalars, and mistakes with the line of that file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SCENARIO = 'target: {{image: a, port: 1}}\nendpoints: [{{path: "/", values: {name}}}]\n'

GOOD = [
    ("v.csv", "a,b\n1,x\n", [{"a": "1", "b": "x"}]),
    ("v.csv", '\ufeffa,b\r\n"1,\r\n2",x\r\n\r\n3,y', [{"a": "1,\r\n2", "b": "x"}, {"a": "3", "b": "y"}]),
    ("v.json", '[{"a": 1, "b": null}, {"a": 1.5, "b": true}]', [{"a": 1, "b": None}, {"a": 1.5, "b": True}]),
    ("v.jsonl", '{"a": "é"}\n\n{"a": 2}\n', [{"a": "é"}, {"a": 2}]),
    ("V.CSV", "a\nx", [{"a": "x"}]),
]
BAD = [
    ("v.csv", "", "v.csv:1:1: the values file has no rows"),
    ("v.csv", "a,b\n", "v.csv:1:1: the values file has no rows"),
    ("v.csv", "a,b\n1,2\n1\n", "v.csv:3:1: the row has 1 cells, the header 2"),
    ("v.csv", "a,a\n1,2\n", "v.csv:1:1: the column 'a' is here twice"),
    ("v.csv", "a,\n1,2\n", "v.csv:1:1: a column has no name"),
    ("v.csv", 'a\n"x', "v.csv:2:1: this is not CSV"),
    ("v.csv", "a\n" + "x" * 200_000, "this is not CSV: field larger than"),
    ("v.csv", "a\nx\0y", "v.csv:2:2: the character U+0000"),
    ("v.csv", "a,b,c\n" + "1,2,3\n" * 80_000, "more than 200000 cells"),
    ("v.csv", "," * 1_000_000, "too many columns"),
    ("v.csv", "a\n" * 1_100_000, "v.csv:1:1: the values file is larger than 2048 KiB"),
    ("v.json", "", "v.json:1:1: this is not JSON"),
    ("v.json", '[{"a": 1},\n {"a"}]', "v.json:2:6: this is not JSON"),
    ("v.json", '{"a": 1}', "v.json:1:1: the values file is not a list"),
    ("v.json", "[1]", "row 1 is not an object"),
    ("v.json", '[{"a": 1}, {"a": [1]}]', "the cell 'a' of row 2 is a list"),
    ("v.json", '[{"a": NaN}]', "'NaN' is not a finite number"),
    ("v.json", '[{"a": 1e999}]', "'1e999' is not a finite number"),
    ("v.json", '[{"a": ' + "9" * 5000 + "}]", "can't be read"),
    ("v.json", "[" * 100_000, "nested too deeply"),
    ("v.jsonl", '{"a": 1}\n{"a"\n', "v.jsonl:2:5: this is not JSON"),
    ("v.txt", "a", "2:33: endpoints[0].values: 'v.txt' is no kind of values file"),
]


@pytest.mark.parametrize(("name", "text", "rows"), GOOD)
def test_rows_are_read(load: Any, tmp_path: Path, name: str, text: str, rows: list[dict[str, object]]) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    assert list(load(SCENARIO.format(name=name)).endpoints[0].values) == rows


@pytest.mark.parametrize(("name", "text", "message"), BAD, ids=[row[2][:40] for row in BAD])
def test_a_broken_file_is_told_with_its_own_line(
    complain: Any, tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    found = complain(SCENARIO.format(name=name))
    assert len(found) == 1
    assert message in found[0]


def test_a_folder_is_no_values_file(complain: Any, tmp_path: Path) -> None:
    (tmp_path / "v.csv").mkdir()
    assert (
        "2:33: endpoints[0].values: the values file 'v.csv' isn't there" in complain(SCENARIO.format(name="v.csv"))[0]
    )


def test_endpoints_may_share_a_file_up_to_a_bound(load: Any, complain: Any, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("a\n" + "1\n" * 50_000)

    def text(count: int) -> str:
        lines = "".join(f"- {{path: /{i}, values: v.csv}}\n" for i in range(count))
        return f"target: {{image: a, port: 1}}\nendpoints:\n{lines}"

    assert len(load(text(4)).endpoints) == 4
    assert "more than 200000 cells of values together" in complain(text(5))[0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [("[1]", "expected a row"), ("[{a: [1]}]", "the cell 'a' is a list"), ("{a: 1}", "a file or a list of rows")],
)
def test_inline_rows_are_flat(complain: Any, rows: str, message: str) -> None:
    assert message in complain(SCENARIO.format(name=rows))[0]
