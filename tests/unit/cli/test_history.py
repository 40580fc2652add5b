"""`hyperleak history`: the listing, one endpoint's nights, and the exports."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.unit.cli.conftest import Hyperleak
from tests.unit.nightly.kept import keep, keep_nights, measured

# As published at https://bencher.dev/bmf.json.
BMF: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema",
    "type": "object",
    "patternProperties": {
        ".+": {
            "type": "object",
            "patternProperties": {
                ".+": {
                    "type": "object",
                    "properties": {
                        "value": {"type": "number"},
                        "lower_value": {"type": "number"},
                        "upper_value": {"type": "number"},
                    },
                    "required": ["value"],
                }
            },
        }
    },
}
STEPPED = [*([640.0] * 20), *([740.0] * 20)]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    keep_nights(tmp_path / "results", "GET /cart", STEPPED)
    return tmp_path / "results"


def test_the_listing_has_the_trend_and_the_change(
    results: Path, hyperleak: Hyperleak, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = hyperleak("history", "--results", results)
    assert done.code == 0
    assert "shop: 40 runs, 2026-01-01 to 2026-02-09" in done.out
    assert "2026-01-21 +100" in done.out
    assert "from 640 to 740 B/request" in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_the_document_has_every_point_and_change(results: Path, hyperleak: Hyperleak) -> None:
    (results / "shop/20260301T020000Z-abc-123456").mkdir()
    document = hyperleak("history", "--results", results, "--json").document
    assert (len(document["runs"]), len(document["endpoints"][0]["points"])) == (40, 40)
    (change,) = document["endpoints"][0]["changes"]
    assert change["first_after"] == document["runs"][20]["folder"]
    assert [damaged["folder"] for damaged in document["damaged"]] == ["20260301T020000Z-abc-123456"]


def test_the_nights_of_one_endpoint(results: Path, hyperleak: Hyperleak) -> None:
    done = hyperleak("history", "--results", results, "--endpoint", "*cart*", "--last", 25)
    lines = done.out.splitlines()
    assert len(lines) == 2 + 25
    assert [line.split()[0] for line in lines if "+100" in line] == ["2026-01-21"]
    assert hyperleak("history", "--results", results, "--endpoint", "nothing").code == 2


def test_an_export_for_otava_has_a_number_in_every_cell(results: Path, hyperleak: Hyperleak) -> None:
    keep(results, measured("GET /cart", 740.0), night=41)
    keep(results, measured("GET /cart", 740.0), measured("GET /new", 1.0), night=42)
    done = hyperleak("history", "export", "--format", "otava", "--results", results)
    (row,) = csv.DictReader(io.StringIO(done.out))
    assert row["time"] == "2026-02-12 02:00:00 +0000"
    assert (row["commit"], float(row["GET /cart"]), float(row["GET /new"])) == ("abc1234", 740.0, 1.0)
    assert "41 runs lack an endpoint" in done.err


def test_an_export_for_bencher_keeps_to_its_schema(results: Path, hyperleak: Hyperleak, tmp_path: Path) -> None:
    done = hyperleak("history", "export", "--format", "bencher", "--results", results)
    document = json.loads(done.out)
    jsonschema.validate(document, BMF)
    metric = document["GET /cart"]["retained-bytes-per-request"]
    assert metric["lower_value"] < metric["value"] == 740.0 < metric["upper_value"]
    file = tmp_path / "bmf.json"
    again = hyperleak("history", "export", "--format", "bencher", "--results", results, "-o", file, "--json")
    assert again.document["file"] == str(file)
    assert file.read_text() == done.out


def test_an_export_is_of_one_scenario(results: Path, hyperleak: Hyperleak) -> None:
    keep(results, measured("GET /a", 0.0), scenario="other")
    refused = hyperleak("history", "export", "--format", "otava", "--results", results)
    assert (refused.code, "--scenario" in refused.err) == (2, True)
    assert hyperleak("history", "export", "-f", "otava", "--results", results, "-s", "other").code == 0


def test_no_runs_are_bad_input(hyperleak: Hyperleak, tmp_path: Path) -> None:
    for arguments in (["history"], ["history", "publish", tmp_path / "site"], ["history", "export", "-f", "otava"]):
        assert hyperleak(*arguments, "--results", tmp_path / "none").code == 2


def test_a_published_site_says_what_it_wrote(results: Path, hyperleak: Hyperleak, tmp_path: Path) -> None:
    done = hyperleak("history", "publish", tmp_path / "site", "--results", results, "--json")
    written = [file for file in (tmp_path / "site").rglob("*") if file.is_file()]
    assert (done.code, done.document["files"]) == (0, len(written))
    assert {file.name for file in written} >= {"index.html", "bokeh.min.js", "site.css", "site.js"}
