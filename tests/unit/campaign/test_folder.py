"""The state of a campaign, which is its folders and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.campaign.folder import CampaignFolder, write_whole
from harness.errors import StorageError
from harness.model.campaign import Outcome, Slot

SLOT = Slot(id="shop+plain+1+abcd0123", scenario="shop", variant="plain", repetition=1, seed=7)
RECORD = {"run_id": "r", "outcome": "clean", "endpoints": []}
MEASURED, LEAK = {"exit_code": 0}, {"exit_code": 1}
FAILED, BAD, STOPPED = (
    {"exit_code": 4, "error": "no engine"},
    {"exit_code": 2, "error": "no folder"},
    {"exit_code": 130, "error": "stopped"},
)


def folder_of(place: Path, *outcomes: dict[str, Any] | None) -> CampaignFolder:
    folder = CampaignFolder(place)
    for outcome in outcomes:
        attempt = folder.claim(SLOT)
        (attempt.folder / "record.json").write_text(json.dumps(RECORD))
        if outcome is not None:
            (attempt.folder / "outcome.json").write_text(json.dumps(outcome))
    return folder


@pytest.mark.parametrize(
    ("outcomes", "retries", "state"),
    [
        ([], 0, "waiting"),
        ([MEASURED], 0, "measured"),
        ([LEAK], 0, "measured"),
        ([{"exit_code": 3}], 0, "measured"),
        ([None], 0, "unfinished"),
        ([STOPPED, None], 0, "unfinished"),
        ([FAILED], 0, "failed"),
        ([FAILED], 1, "waiting"),
        ([FAILED, None, STOPPED], 1, "waiting"),
        ([FAILED, FAILED], 1, "failed"),
        ([BAD], 3, "failed"),
        ([None, FAILED, MEASURED], 1, "measured"),
    ],
)
def test_the_state_of_a_run_is_that_of_its_attempts(
    outcomes: list[dict[str, Any] | None], retries: int, state: str, tmp_path: Path
) -> None:
    (run,) = folder_of(tmp_path, *outcomes).runs([SLOT], retries=retries)
    assert run.state == state
    assert len(run.attempts) == len(outcomes)
    assert (run.verdict is not None) == (state == "measured")


@pytest.mark.parametrize("cut", ["", "{", '{"exit_code":', "[]", "null"])
def test_half_an_outcome_is_none(cut: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, MEASURED)
    (tmp_path / "runs" / f"{SLOT.id}.1" / "outcome.json").write_text(cut)
    assert folder.runs([SLOT], retries=0)[0].state == "unfinished"


def test_an_answer_without_its_record_is_none(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, MEASURED)
    (tmp_path / "runs" / f"{SLOT.id}.1" / "record.json").unlink()
    assert folder.runs([SLOT], retries=0)[0].state == "unfinished"


def test_an_attempt_has_a_folder_that_no_other_takes(tmp_path: Path) -> None:
    folders = [CampaignFolder(tmp_path).claim(SLOT).folder for _ in range(12)]
    assert len(set(folders)) == 12
    assert [attempt.number for attempt in CampaignFolder(tmp_path).attempts_of(SLOT)] == list(range(1, 13))


def test_what_else_lies_there_is_no_attempt(tmp_path: Path) -> None:
    (tmp_path / "runs" / "notes").mkdir(parents=True)
    assert CampaignFolder(tmp_path).attempts() == {}


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    file = tmp_path / "outcome.json"
    write_whole(file, Outcome(exit_code=0))
    (tmp_path / ".outcome.json.part").mkdir()
    with pytest.raises(StorageError):
        write_whole(file, Outcome(exit_code=1))
    assert json.loads(file.read_text())["exit_code"] == 0


def test_two_hundred_runs_are_read_from_their_folders(tmp_path: Path) -> None:
    slots = [SLOT.model_copy(update={"id": f"shop+plain+{n}+abcd0123", "repetition": n}) for n in range(200)]
    folder = CampaignFolder(tmp_path)
    for slot in slots:
        attempt = folder.claim(slot)
        (attempt.folder / "record.json").write_text(json.dumps(RECORD))
        write_whole(attempt.folder / "outcome.json", Outcome(exit_code=0))
    assert [run.state for run in folder.runs(slots, retries=0)] == ["measured"] * 200
