"""A leak that comes overnight, with real runs: found against the newest good run, and waited for once it is known."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.command import hyperleak
from tests.place import Place, local

NAME = "GET /cart"
LIMITS_BYTES = (60.0, 90.0)


def test_a_regression_is_found_against_the_newest_good_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", None)
    for variable, value in place.environment.items():
        monkeypatch.setenv(variable, value)
    good, bad = (
        place.scenario(
            local(), {"name": NAME, "path": path}, screening={"requests": 40, "budget": "30s"}, threshold="32B"
        )
        for path in ("/static/clean?bytes=32", "/static?bytes=32")
    )
    assert hyperleak("run", good, "--results", place.results, "--quiet").code == 0
    days = datetime.now(UTC).date() + timedelta(days=2)
    known = tmp_path / "known.yaml"
    known.write_text(yaml.safe_dump({"known": [{"endpoint": "GET /c*", "reason": "vendor", "expires": str(days)}]}))

    run = hyperleak("run", bad, "--results", place.results, "--known", known)
    assert run.code == 0, run.out
    assert "Known, does not fail: GET /cart: vendor" in run.out
    folder = place.folders()[-1]
    record = json.loads((folder / "record.json").read_text())
    assert (record["outcome"], record["endpoints"][0]["known"]) == ("leak", "vendor")
    assert record["environment"]["target"]["php_processes"] == 4
    assert record["environment"]["target"]["php_version"].startswith("8.")

    found = hyperleak("compare", "-b", "latest-good", folder, "--results", place.results, "--json")
    (endpoint,) = found.document["endpoints"]
    assert (found.code, endpoint["outcome"]) == (1, "regression")
    assert LIMITS_BYTES[0] <= endpoint["difference_bytes_per_request"] <= LIMITS_BYTES[1]
    assert hyperleak("compare", "-b", "latest-good", folder, "--results", place.results, "--known", known).code == 0
    assert place.left() == []
