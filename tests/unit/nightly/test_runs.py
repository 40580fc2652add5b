"""Runs on disk: what a place on the command line stands for, and which run is the newest good one."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputError
from harness.model.samples import Event
from harness.nightly.runs import is_good, latest_good, read_side
from tests.unit.nightly.kept import environment, keep, measured
from tests.unit.verdicts import endpoint, verdict_of

CLEAN, LEAK = measured("GET /a", 0.0), measured("GET /a", 640.0)


def test_a_side_is_a_run_a_record_a_folder_of_runs_or_a_pattern(tmp_path: Path) -> None:
    folders = [keep(tmp_path, CLEAN, night=night) for night in range(3)]
    expected = [folder / "record.json" for folder in folders]
    for places in (
        [str(folders[0].parent)],
        [str(folder) for folder in folders],
        [f"{folders[0].parent}/*"],
        [f"{tmp_path}/*"],
        [str(expected[2]), str(folders[1].parent)],
    ):
        assert [run.path for run in read_side(places)] == expected


@pytest.mark.parametrize("place", ["nothing", "*.none", "."])
def test_a_place_without_runs_is_bad_input(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        read_side([place])
    assert caught.value.hint


def test_the_newest_good_run_is_older_than_the_candidate_and_of_its_scenario(tmp_path: Path) -> None:
    keep(tmp_path, CLEAN, night=0)
    good = keep(tmp_path, CLEAN, night=1)
    keep(tmp_path, LEAK, night=2)
    damaged = keep(tmp_path, CLEAN, night=3)
    (damaged / "record.json").write_text("{")
    keep(tmp_path, CLEAN, night=4, scenario="other")
    candidate = read_side([str(keep(tmp_path, LEAK, night=5))])
    keep(tmp_path, CLEAN, night=6)
    assert latest_good(tmp_path, candidate).path == good / "record.json"


def test_without_a_good_run_there_is_no_baseline(tmp_path: Path) -> None:
    keep(tmp_path, LEAK, night=0)
    with pytest.raises(InputError, match="no clean or expected run"):
        latest_good(tmp_path, read_side([str(keep(tmp_path, CLEAN, night=1))]))


def test_good_is_clean_or_as_expected_or_known() -> None:
    expecting = environment() | {"schedule": {"expect": {"GET /a": "leak"}}}
    died = Event(elapsed_s=3.0, kind="target_died")
    assert is_good(verdict_of(CLEAN))
    assert not is_good(verdict_of(LEAK))
    assert is_good(verdict_of(LEAK, environment=expecting))
    assert not is_good(verdict_of(CLEAN, environment=expecting))
    assert is_good(verdict_of(LEAK.model_copy(update={"known": "an old one"})))
    assert not is_good(verdict_of(CLEAN, events=(died,)))
    assert not is_good(verdict_of(endpoint("GET /a", "inconclusive")))
