from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from harness.target.gc import empty_run_folders
from harness.target.labels import Owner, RunLabels, this_process
from harness.target.workspace import make_workspace, mark_owner, read_owner, workspaces

RUN = RunLabels("r1", "s")


def run_folder(results: Path, name: str, **files: str) -> Path:
    folder = results / "scenario" / name
    folder.mkdir(parents=True)
    mark_owner(folder, RUN)
    for file, text in files.items():
        (folder / file.replace("_", ".")).write_text(text)
    return folder


def test_a_run_without_record_and_samples_is_empty(tmp_path: Path) -> None:
    bare = run_folder(tmp_path, "bare")
    header_only = run_folder(tmp_path, "header", samples_jsonl='{"format": "hyperleak-trace"}\n')
    run_folder(tmp_path, "recorded", record_json="{}")
    run_folder(tmp_path, "sampled", samples_jsonl="{}\n{}\n")
    assert [folder.path for folder in empty_run_folders(tmp_path)] == [bare, header_only]


def test_folders_without_our_mark_are_never_touched(tmp_path: Path) -> None:
    (tmp_path / "photos" / "2024").mkdir(parents=True)
    for name, text in {
        "a": "not json",
        "b": "[]",
        "c": '{"run_id": "x"}',
        "d": '{"run_id": "x", "owner": "me"}',
    }.items():
        folder = tmp_path / "photos" / name
        folder.mkdir()
        (folder / "owner.json").write_text(text)
    assert empty_run_folders(tmp_path) == []


def test_a_missing_results_folder_holds_nothing(tmp_path: Path) -> None:
    assert empty_run_folders(tmp_path / "none") == []


def test_a_workspace_says_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = make_workspace(RunLabels("run/1", "s"))
    assert folder.name.startswith("hyperleak-run-1-")
    assert folder.stat().st_mode & 0o077 == 0
    mark_owner(folder, RUN, log=Path("/logs/target.log"))
    (tmp_path / "hyperleak-unmarked").mkdir()
    (found,) = workspaces()
    assert (found.path, found.run_id, found.owner, found.log) == (
        folder,
        "r1",
        this_process(),
        Path("/logs/target.log"),
    )


def test_the_owner_is_read_as_it_was_written(tmp_path: Path) -> None:
    owner = Owner(1, 2, "host")
    (tmp_path / "owner.json").write_text(json.dumps({"run_id": "r", "owner": str(owner)}))
    found = read_owner(tmp_path)
    assert found is not None
    assert found.owner == owner
    assert found.log is None
