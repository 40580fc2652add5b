"""Campaigns from the file to the report: order, retries, shards, stops, and that no run is lost or made twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from harness.campaign.folder import CampaignFolder
from harness.errors import MeasureError
from tests.command import PROGRAM as COMMAND
from tests.command import ROOT, hyperleak
from tests.unit.campaign.conftest import FAKE, Desk, behaving
from tests.unit.notify.receivers import web_hook


def slots(desk: Desk) -> Counter[str]:
    """How often each planned run was begun."""
    return Counter(name.rpartition(".")[0] for name in desk.made())


def test_every_case_is_run_as_often_as_was_asked(desk: Desk) -> None:
    desk.campaign("shop", "users", repetitions=4, variants=behaving(leaky="leak", calm="clean"))
    done = desk.run("--json")
    assert done.code == 1
    assert (done.document["planned"], done.document["measured"]) == (16, 16)
    assert set(slots(desk).values()) == {1}
    cases = {(c["scenario"], c["variant"]): c for c in done.document["cases"]}
    assert len(cases) == 4
    leaky, calm = cases["shop", "leaky"], cases["shop", "calm"]
    assert (leaky["rate"], leaky["verdicts"], leaky["median_bytes_per_request"]) == (1.0, {"leak": 4}, 640.0)
    assert leaky["ci95"] == pytest.approx([0.398, 1.0], abs=0.001)
    assert (calm["rate"], calm["consistent"]) == (0.0, True)
    assert "LEAK: GET /a in 4 of 4 runs (shop, leaky)" in done.err
    assert "[16/16" in done.err
    assert "left]" in done.err


def test_each_run_has_a_schedule_and_a_folder_of_its_own(desk: Desk) -> None:
    desk.campaign(repetitions=3)
    document = desk.run("--json").document
    seeds = [run["seed"] for run in document["runs"]]
    records = [json.loads((Path(r["attempts"][0]["folder"]) / "record.json").read_text()) for r in document["runs"]]
    assert [record["environment"]["seed"] for record in records] == seeds
    assert len(set(seeds)) == 3


def test_what_comes_now_and_then_is_told_with_its_rate(desk: Desk) -> None:
    desk.campaign(repetitions=4, variants=behaving(flaky="sometimes"))
    done = desk.run("--json")
    (case,) = done.document["cases"]
    assert (done.code, case["rate"], case["consistent"]) == (1, 0.25, False)
    assert case["verdicts"] == {"clean": 3, "leak": 1}
    assert "GET /a (shop, flaky): the verdict differs: 3 clean, 1 leak" in done.err
    markdown = (desk.at() / "report.md").read_text()
    assert "| `shop` | `flaky` | `GET /a` | 4 | 25% (1% … 81%) | 640 | differs: 3 clean, 1 leak |" in markdown


def test_a_failed_run_is_made_again_and_none_is_lost(desk: Desk) -> None:
    desk.campaign(repetitions=2, retries=1, variants=behaving(shaky="fails-once", dead="fails"))
    done = desk.run("--json")
    assert done.code == 4
    assert (done.document["measured"], done.document["failed"]) == (2, 2)
    assert set(slots(desk).values()) == {2}
    assert sum(len(run["attempts"]) for run in done.document["runs"]) == 8 == len(list((desk.at() / "runs").iterdir()))
    assert "could not be measured (no\\x1b[31m engine)" in done.err
    assert "\x1b" not in done.err
    again = desk.run("--resume", "--json")
    assert (again.code, len(desk.made())) == (4, 8)


def test_a_run_that_dies_says_how(desk: Desk) -> None:
    desk.campaign(variants=behaving(gone="crash"))
    done = desk.run("--json")
    (run,) = done.document["runs"]
    assert (done.code, run["state"]) == (4, "failed")
    assert run["attempts"][0]["error"] == "the run's process was killed by SIGKILL\nlast words"


def test_runs_that_are_there_are_not_started_over(desk: Desk) -> None:
    desk.campaign(repetitions=2)
    assert desk.run().code == 0
    refused = desk.run()
    assert refused.code == 2
    assert "--resume" in refused.err
    assert desk.run("--resume").code == 0
    assert len(desk.made()) == 2


def test_more_repetitions_add_runs_to_those_that_were_made(desk: Desk) -> None:
    desk.campaign(repetitions=2)
    desk.run()
    desk.campaign(repetitions=3)
    assert desk.run("--resume", "--json").document["measured"] == 3
    assert set(slots(desk).values()) == {1}


def test_runs_of_another_version_of_a_scenario_do_not_count(desk: Desk) -> None:
    desk.campaign(repetitions=2)
    desk.run()
    desk.scenario("shop", threshold="32B")
    done = desk.run("--resume", "--json")
    assert (done.document["measured"], len(desk.made())) == (2, 4)
    assert "2 runs of an earlier version of the file are kept, but don't count" in done.document["remarks"]


def test_two_engines_work_at_once_one_run_each(desk: Desk) -> None:
    desk.campaign(repetitions=4, engines=["unix:///one.sock", "unix:///two.sock"], variants=behaving(long="linger"))
    assert desk.run("--json").document["measured"] == 4
    engines = Counter(line.split()[1] for line in desk.lines())
    assert set(engines) == {"unix:///one.sock", "unix:///two.sock"}


def test_local_processes_keep_to_one_engine(desk: Desk) -> None:
    desk.campaign("shop", repetitions=3, engines=["unix:///one.sock", "unix:///two.sock"])
    desk.scenario("shop", target={"command": ["php", "-v"], "port": 0})
    desk.run()
    assert {line.split()[1] for line in desk.lines()} == {"unix:///one.sock"}


def test_an_engine_on_the_command_line_replaces_the_files(desk: Desk) -> None:
    desk.campaign(engines=["unix:///one.sock"])
    desk.run("--engine", "unix:///mine.sock")
    assert [line.split()[1] for line in desk.lines()] == ["unix:///mine.sock"]


def test_shards_make_every_run_once_and_are_merged(desk: Desk) -> None:
    desk.campaign("shop", "users", repetitions=4, variants=behaving(leaky="leak", calm="clean"))
    for part in range(1, 6):
        assert desk.run("--shard", f"{part}/5").code in (0, 1)
    assert (len(slots(desk)), set(slots(desk).values())) == (16, {1})
    folders = [desk.at(f"nightly-{part}-of-5") for part in range(1, 6)]
    whole = hyperleak("merge", *folders, "--json", "-o", desk.folder / "merged")
    assert (whole.code, whole.document["measured"], whole.document["waiting"]) == (1, 16, 0)
    assert json.loads((desk.folder / "merged/report.json").read_text()) == whole.document
    assert hyperleak("merge", *folders[:4], "--json").document["waiting"] > 0
    twice = hyperleak("merge", folders[0], folders[0], "--json").document
    assert twice["remarks"][0].endswith("runs were made in more than one folder; the first counts")


def test_a_merged_report_goes_to_stdout(desk: Desk) -> None:
    desk.campaign(variants=behaving(leaky="leak"))
    desk.run()
    done = subprocess.run([*COMMAND, "merge", desk.at(), "--format", "markdown"], capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout == (desk.at() / "report.md").read_bytes()


def test_only_shards_of_one_campaign_are_merged(desk: Desk) -> None:
    desk.campaign(seed=1)
    desk.run("--shard", "1/2")
    first = desk.at("nightly-1-of-2")
    desk.campaign(seed=2)
    desk.run("--shard", "2/2")
    done = hyperleak("merge", first, desk.at("nightly-2-of-2"))
    assert done.code == 2
    assert "not shards of one campaign" in done.err
    assert hyperleak("merge", desk.folder).code == 2


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "-1/2", "1/0"])
def test_a_part_of_nothing_is_bad_input(shard: str, desk: Desk) -> None:
    desk.campaign()
    done = desk.run("--shard", shard)
    assert done.code == 2
    assert "2/5" in done.err


def test_two_processes_do_not_make_a_campaign_together(desk: Desk) -> None:
    desk.campaign()
    with CampaignFolder(desk.at()).locked():
        done = desk.run()
        with pytest.raises(MeasureError):
            CampaignFolder(desk.at()).locked().__enter__()
    assert done.code == 4
    assert "is at this campaign" in done.err
    assert desk.made() == []
    assert desk.run().code == 0


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_people_are_told_at_the_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.campaign(repetitions=2, variants=behaving(flaky="sometimes"))
    with web_hook() as hook:
        monkeypatch.setenv("HYPERLEAK_NOTIFY", hook.url())
        assert desk.run().code == 1
    (told,) = hook.documents
    assert (told["title"], told["type"]) == ("hyperleak: LEAK: campaign nightly", "failure")
    assert told["message"].startswith("LEAK: GET /a in 1 of 2 runs (shop, flaky)\n2 runs: 2 measured\n")
    assert told["message"].endswith(str(desk.at()))


def test_the_list_says_what_became_of_each_run(desk: Desk) -> None:
    desk.campaign(repetitions=2, variants=behaving(leaky="leak", dead="fails"))
    before = desk.run("--list", "--json")
    assert (before.code, before.document["waiting"]) == (0, 4)
    desk.run()
    after = desk.run("--list")
    assert after.code == 0
    assert after.out.count("leak (GET /a 640 B/request)") == 2
    assert after.out.count("could not be measured") == 3
    assert len(desk.made()) == 4


PROGRAM = """
import sys
from harness.cli import campaigning, main
campaigning.PROGRAM = (sys.executable, "-I", sys.argv.pop(1))
main.main()
"""


def a_program(desk: Desk, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(FAKE), "campaign", str(desk.file), "--results", str(desk.results)]
    return subprocess.Popen([*command, *options], cwd=ROOT, text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE)


def wait_for_slow(desk: Desk, program: subprocess.Popen[str]) -> None:
    deadline_s = time.monotonic() + 60
    while not list(desk.at().glob("runs/*/slow")):
        assert time.monotonic() < deadline_s
        assert program.poll() is None, program.communicate()
        time.sleep(0.02)


def test_ctrl_c_ends_the_run_that_goes_on_and_begins_no_other(desk: Desk) -> None:
    desk.campaign(repetitions=3, variants=behaving(long="slow"))
    with a_program(desk, "--json") as program:
        wait_for_slow(desk, program)
        program.send_signal(signal.SIGINT)
        out, _ = program.communicate(timeout=60)
    document = json.loads(out)
    assert (program.returncode, document["unfinished"], document["waiting"]) == (130, 1, 2)
    assert document["exit_code"] == 130


def test_ctrl_c_twice_stops_at_once(desk: Desk) -> None:
    desk.campaign(repetitions=2, variants=behaving(long="deaf"))
    with a_program(desk, "--json") as program:
        wait_for_slow(desk, program)
        program.send_signal(signal.SIGINT)
        time.sleep(0.5)
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=60)
    document = json.loads(out)
    assert program.returncode == 130
    assert (document["unfinished"], len(desk.made())) == (1, 1), err
