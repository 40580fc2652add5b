"""The results folder: a run's folder, its record written whole or not at all, and records that can't be read."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.errors import InputError, StorageError
from harness.history import NO_REVISION, new_run, read_record, revision
from tests.unit.verdicts import endpoint, verdict_of

NOW = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)


def test_a_run_folder_is_named_by_time_revision_and_a_random_id(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "results", "orders", tmp_path, NOW)
    assert folder.path.parent == tmp_path / "results" / "orders"
    assert re.fullmatch(rf"20260301T123005Z-{NO_REVISION}-[0-9a-f]{{6}}", folder.path.name)
    assert folder.logs.is_dir()
    assert folder.run_id.startswith("orders-20260301t123005z-")


def test_two_runs_of_the_same_second_have_folders_of_their_own(tmp_path: Path) -> None:
    runs = [new_run(tmp_path, "orders", tmp_path, NOW) for _ in range(20)]
    assert len({run.path for run in runs}) == len({run.run_id for run in runs}) == 20


def test_the_revision_is_the_commit_of_the_scenarios_checkout(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("name: x\n")
    assert revision(scenario) == NO_REVISION
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True, timeout=20)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True, timeout=20).stdout
    assert head.startswith(revision(scenario))
    assert revision(tmp_path) == revision(scenario) != NO_REVISION


def test_without_git_there_is_no_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert revision(Path.cwd()) == NO_REVISION


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    verdict = verdict_of(
        endpoint("GET /café/☕"), endpoint("GET /b", "clean"), run_id="r", environment={"a": [1, None]}
    )
    folder = new_run(tmp_path, "orders", tmp_path)
    folder.write_record(verdict)
    assert read_record(folder.path) == read_record(folder.path / "record.json") == verdict
    assert "☕" in (folder.path / "record.json").read_text(encoding="utf-8")
    assert sorted(path.name for path in folder.path.iterdir()) == ["logs", "record.json"]


def test_a_later_record_with_more_fields_is_read(tmp_path: Path) -> None:
    document = verdict_of(endpoint()).model_dump(mode="json") | {"colour": "red"}
    document["endpoints"][0]["mood"] = "good"
    file = tmp_path / "record.json"
    file.write_text(json.dumps(document))
    assert read_record(file) == verdict_of(endpoint())


def test_a_record_that_cant_be_written_leaves_the_old_one_whole(tmp_path: Path) -> None:
    folder = new_run(tmp_path, "orders", tmp_path)
    folder.write_record(verdict_of(endpoint()))
    (folder.path / ".record.json.part").mkdir()
    with pytest.raises(StorageError, match=r"record\.json: .* directory") as caught:
        folder.write_record(verdict_of(endpoint("GET /other")))
    assert "--results" in caught.value.hint
    assert read_record(folder.path) == verdict_of(endpoint())


def test_a_results_folder_that_cant_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    with pytest.raises(StorageError, match="results/orders") as caught:
        new_run(tmp_path / "results", "orders", tmp_path)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("", "the document"),
        ("{", "the document"),
        ("[]", "the document"),
        ('{"schema_version": 2}', "schema_version"),
        ('{"run_id": 1}', "run_id"),
    ],
)
def test_what_is_no_record_is_told_with_file_and_field(content: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(InputError, match=said) as caught:
        read_record(tmp_path)
    assert str(file) in caught.value.message
    assert caught.value.hint
