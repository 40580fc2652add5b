"""`hyperleak diagnose` before it starts anything: what it needs, and what it says where that is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.diagnose import TOOL_NAMES
from harness.diagnose import TOOLS
from harness.history import RunFolder
from harness.model.diagnosis import Diagnosis, ToolReport
from tests.command import hyperleak
from tests.unit.verdicts import endpoint, verdict_of

SCENARIO = """
target: {command: [php, server.php], port: 0}
endpoints: [GET /static]
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with a leak, whose scenario is there."""
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(SCENARIO)
    folder = tmp_path / "run"
    folder.mkdir()
    environment = {"schedule": {"source": str(scenario)}}
    RunFolder(folder, "run-1").write_record(verdict_of(endpoint(), environment=environment))
    return folder


def test_all_tools_can_be_named() -> None:
    assert set(TOOL_NAMES) == set(TOOLS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tool", "gdb"), "'gdb': there are valgrind"),
        ((), "no tool is named"),
        (("--tool", "valgrind", "--env", "WORKERS"), "no KEY=VALUE"),
        (("--tool", "valgrind", "--endpoint", "GET /other"), "no endpoint 'GET /other'"),
        (("--tool", "valgrind", "--limit", "soon"), "soon"),
        (("--tool", "valgrind", "--scenario", "gone.yaml"), "gone.yaml"),
    ],
)
def test_mistakes_end_with_code_2(arguments: tuple[str, ...], said: str, run: Path) -> None:
    ended = hyperleak("diagnose", run, *arguments)
    assert (ended.code, said in ended.err) == (2, True), ended.err


def test_a_scenario_that_is_gone_is_asked_for(run: Path) -> None:
    (run.parent / "scenario.yaml").unlink()
    ended = hyperleak("diagnose", run, "--tool", "valgrind")
    assert ended.code == 2
    assert "scenario.yaml is gone" in ended.err
    assert "--scenario FILE" in ended.err


def test_an_older_run_has_no_note_of_its_scenario(run: Path) -> None:
    RunFolder(run, "run-1").write_record(verdict_of(endpoint()))
    assert "no note of it" in hyperleak("diagnose", run, "--tool", "valgrind").err


def test_a_clean_run_needs_an_endpoint(run: Path) -> None:
    environment = {"schedule": {"source": str(run.parent / "scenario.yaml")}}
    RunFolder(run, "run-1").write_record(verdict_of(endpoint(verdict="clean"), environment=environment))
    ended = hyperleak("diagnose", run, "--tool", "valgrind")
    assert (ended.code, "no endpoint of this run leaks" in ended.err) == (2, True)


@pytest.mark.parametrize(("tool", "said"), [("reli", "no program reli"), ("blackfire", "no program blackfire")])
def test_a_tool_that_is_not_here_is_told_with_how_to_get_it(
    tool: str, said: str, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(run))
    ended = hyperleak("diagnose", run, "--tool", tool, "--json")
    assert ended.code == 4
    (report,) = ended.document["reports"]
    assert (report["status"], said in report["message"]) == ("absent", True)
    assert (run / "diagnosis.json").is_file()
    assert "Second opinions" in (run / "report.html").read_text()


def test_blackfire_needs_its_credentials(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = run.parent / "blackfire"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(run.parent))
    monkeypatch.setenv("HOME", str(run))
    monkeypatch.delenv("BLACKFIRE_CLIENT_ID", raising=False)
    message = hyperleak("diagnose", run, "--tool", "blackfire", "--json").document["reports"][0]["message"]
    assert "no credentials: set BLACKFIRE_CLIENT_ID" in message


def test_newer_reports_take_the_place_of_older_ones() -> None:
    old = ToolReport(tool="reli", endpoint="a", status="absent")
    kept = ToolReport(tool="xhprof", endpoint="a", status="told")
    new = old.model_copy(update={"status": "told"})
    merged = Diagnosis(run_id="r", reports=(old, kept)).merged(Diagnosis(run_id="r", reports=(new,)))
    assert merged.reports == (kept, new)
