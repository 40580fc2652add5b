"""The history of a results folder: read from records, then from an index that is never wrong."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from harness.errors import InputError
from harness.model.history import ScenarioHistory
from harness.nightly import index
from harness.nightly.trends import read_history
from tests.unit.nightly.kept import keep, keep_nights, measured
from tests.unit.verdicts import endpoint

NAME = "GET /cart"


def history(results: Path) -> ScenarioHistory:
    (found,) = read_history(results)
    return found


def steps(results: Path) -> list[tuple[str, float]]:
    trend = next(trend for trend in history(results).trends if trend.name == NAME)
    return [(change.first_after, change.size_bytes) for change in trend.changes]


def test_a_step_is_named_with_its_night_and_both_commits(tmp_path: Path) -> None:
    sizes = np.random.default_rng(1).normal(0, 3, 40)
    sizes[25:] += 100
    folders = keep_nights(tmp_path, NAME, [*sizes])
    for missing in (3, 11, 12, 24, 30):
        shutil.rmtree(folders[missing])
    ((first_after, size),) = steps(tmp_path)
    assert first_after == folders[25].name
    assert size == pytest.approx(100, abs=5)


def test_what_the_collector_frees_or_stopped_is_nothing_kept(tmp_path: Path) -> None:
    for night in range(20):
        verdict = "garbage" if night >= 10 else "clean"
        keep(tmp_path, measured(NAME, 900.0 if night >= 10 else 0.0, verdict=verdict), night=night)
    assert steps(tmp_path) == []


def test_nights_that_could_not_tell_are_left_out_of_the_steps(tmp_path: Path) -> None:
    unknown = endpoint(NAME, "inconclusive", bytes_per_request=0.0, ci95=(-(2.0**53), 2.0**53))
    for night in range(30):
        keep(tmp_path, unknown if night % 3 == 0 else measured(NAME, 640.0, 1.0), night=night)
    assert steps(tmp_path) == []
    assert len(history(tmp_path).trends[0].points) == 30


def test_damaged_runs_are_named_and_skipped(tmp_path: Path) -> None:
    folders = keep_nights(tmp_path, NAME, [0.0] * 6)
    (folders[0] / "record.json").unlink()
    (folders[1] / "record.json").write_text('{"run_id": ')
    (folders[2] / "record.json").write_text('{"run_id": "x", "outcome": "leak"}')
    later = json.loads((folders[3] / "record.json").read_text()) | {"schema_version": 99}
    (folders[3] / "record.json").write_text(json.dumps(later))
    (folders[3].parent / "notes").mkdir()
    found = history(tmp_path)
    assert [run.folder for run in found.runs] == [folder.name for folder in folders[4:]]
    assert [damaged.folder for damaged in found.damaged] == [folder.name for folder in folders[:4]]
    reasons = [damaged.reason for damaged in found.damaged]
    for said, reason in zip(("broke off", "Invalid JSON", "endpoints", "later hyperleak"), reasons, strict=True):
        assert said in reason


def test_a_record_of_an_early_version_is_read(tmp_path: Path) -> None:
    folder = keep(tmp_path, measured(NAME, 640.0))
    document = json.loads((folder / "record.json").read_text())
    needed = {"name", "verdict", "bytes_per_request", "ci95", "p_value", "requests", "channel"}
    document["endpoints"] = [{key: each[key] for key in needed} for each in document["endpoints"]]
    del document["schema_version"], document["environment"]
    (folder / "record.json").write_text(json.dumps(document))
    assert history(tmp_path).trends[0].points[0].bytes_per_request == 640.0


def test_the_second_time_no_record_is_read(tmp_path: Path) -> None:
    keep_nights(tmp_path, NAME, [0.0] * 5)
    first = history(tmp_path)
    with mock.patch.object(index, "_read", side_effect=AssertionError("read again")):
        assert history(tmp_path) == first


@pytest.mark.parametrize("same_times", [False, True])
def test_a_changed_record_is_read_again(same_times: bool, tmp_path: Path) -> None:
    """Even one of the same size and the same times: what can't be set back is the time of the change itself."""
    *_, last = keep_nights(tmp_path, NAME, [100.0] * 5)
    assert history(tmp_path).trends[0].points[-1].bytes_per_request == 100.0
    record = last / "record.json"
    times = (record.stat().st_atime_ns, record.stat().st_mtime_ns)
    record.write_text(record.read_text().replace('"bytes_per_request": 100.0', '"bytes_per_request": 200.0'))
    if same_times:
        os.utime(record, ns=times)
    assert history(tmp_path).trends[0].points[-1].bytes_per_request == 200.0


def test_runs_that_come_and_go_are_in_the_history_and_out_of_it(tmp_path: Path) -> None:
    folders = keep_nights(tmp_path, NAME, [0.0] * 5)
    assert len(history(tmp_path).runs) == 5
    shutil.rmtree(folders[2])
    keep(tmp_path, measured(NAME, 0.0), night=9)
    assert [run.folder[:8] for run in history(tmp_path).runs] == [
        "20260101", "20260102", "20260104", "20260105", "20260110",
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1,2,3]\n"])
def test_a_damaged_index_is_done_without(content: bytes, tmp_path: Path) -> None:
    keep_nights(tmp_path, NAME, [*([0.0] * 20), *([100.0] * 20)])
    first = history(tmp_path)
    for name in (".index.jsonl", ".steps.json"):
        (tmp_path / "shop" / name).write_bytes(content)
    assert history(tmp_path) == first


def test_a_results_folder_without_runs_is_told(tmp_path: Path) -> None:
    for results, scenarios in ((tmp_path / "none", ()), (tmp_path, ()), (tmp_path, ("shop",))):
        with pytest.raises(InputError) as caught:
            read_history(results, scenarios)
        assert "--results" in caught.value.hint
