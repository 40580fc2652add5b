"""Outside tools at the resident app: two real ones, and programs that crash, hang or talk nonsense in their place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.history import RunFolder
from tests.command import Finished, hyperleak
from tests.place import LEAK, Place, local
from tests.unit.verdicts import endpoint, verdict_of

NATIVE = "GET /extension"
SECRET = "8f14e45f-a-client-token"


def run_of(place: Place, leak: str) -> Path:
    """A run's folder as it is after the verdict, without the minute that it takes to come to one."""
    source = place.scenario(local(WORKERS=1, TASK_WORKERS=0), LEAK, NATIVE)
    folder = place.results / place.name / "a-run"
    folder.mkdir(parents=True)
    verdict = verdict_of(endpoint(leak), environment={"schedule": {"source": str(source)}})
    RunFolder(folder, "a-run").write_record(verdict)
    return folder


def program(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for a tool, first in the PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    rest = [str(Path(found).parent) for found in (shutil.which("php"), "/bin/sh") if found]
    monkeypatch.setenv("PATH", ":".join([str(folder), *rest, "/usr/bin"]))


def asked(run: Path, tool: str, *arguments: object) -> Finished:
    return hyperleak("diagnose", run, "--tool", tool, "--json", *arguments)


def test_valgrind_names_the_native_allocation_of_every_request(place: Place) -> None:
    run = run_of(place, NATIVE)
    ended = asked(run, "valgrind", "--requests", 5)
    assert ended.code == 0, ended.err
    (report,) = ended.document["reports"]
    found = report["suspects"][0]
    assert (found["bytes_per_request"], found["calls_per_request"]) == (2048.0, 1.0)
    assert "ffi_call" in found["stack"]
    assert all((run / raw).is_file() for raw in report["raw"])
    assert json.loads((run / "diagnosis.json").read_text()) == ended.document


def test_xhprof_names_the_method_that_leaks(place: Place) -> None:
    run = run_of(place, LEAK)
    ended = asked(run, "xhprof", "--requests", 20)
    assert ended.code == 0, ended.err
    (report,) = ended.document["reports"]
    first = report["suspects"][0]
    assert first["stack"][:2] == ["Leaks\\Payload::of", "Leaks\\Cause\\StaticProperty::leaky"]
    assert first["calls_per_request"] == 1.0
    assert "Leaks\\Cause\\StaticProperty::leaky" in [suspect["where"] for suspect in report["suspects"]]
    (export,) = report["exports"]
    assert json.loads((run / export).read_text())["profile"]["main()"]["ct"] == 20


def test_an_extension_that_php_lacks_is_told(place: Place) -> None:
    (report,) = asked(run_of(place, LEAK), "memprof", "--requests", 1).document["reports"]
    assert report["status"] == "absent"
    assert "pecl install memprof" in report["message"]


@pytest.mark.parametrize(
    ("script", "limit", "status"),
    [
        ("kill -SEGV $$", "20s", "failed"),
        ("sleep 300 & wait", "2s", "timed out"),
        (
            "for a; do case $a in --xml-file=*) out=${a#--xml-file=};; esac; done\n"
            'while [ "$1" != php ]; do shift; done\n'
            'echo "<nonsense" >"${out%%.%p*}.1.xml"\n'
            '"$@"',
            "20s",
            "unreadable",
        ),
    ],
    ids=["crashes", "hangs", "talks nonsense"],
)
def test_a_broken_tool_is_told_and_leaves_nothing_behind(
    script: str, limit: str, status: str, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(place, LEAK)
    program(tmp_path / "bin", "valgrind", script, monkeypatch)
    ended = asked(run, "valgrind", "--requests", 1, "--limit", limit)
    assert ended.code == 4
    (report,) = ended.document["reports"]
    assert report["status"] == status, report["message"]
    assert report["message"]


@pytest.mark.parametrize(
    ("script", "limit", "status"),
    [
        ("echo 'no right to trace' >&2; exit 1", "20s", "unreadable"),
        ("echo '{\"half'", "20s", "unreadable"),
        ("sleep 300 & sleep 300", "2s", "timed out"),
    ],
    ids=["crashes", "talks nonsense", "hangs"],
)
def test_a_broken_program_is_told_and_ended_with_its_children(
    script: str, limit: str, status: str, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(place, LEAK)
    program(tmp_path / "bin", "reli", script, monkeypatch)
    (report,) = asked(run, "reli", "--requests", 1, "--limit", limit).document["reports"]
    assert report["status"] == status, report["message"]


def test_credentials_are_in_nothing_that_is_kept_or_shown(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(place, LEAK)
    monkeypatch.setenv("BLACKFIRE_CLIENT_ID", "an-id-of-somebody")
    monkeypatch.setenv("BLACKFIRE_CLIENT_TOKEN", SECRET)
    answer = '{"envelope": {"mu": 1000, "pmu": 2000}, "said": "%s"}'
    echo = f"printf '{answer}' \"$BLACKFIRE_CLIENT_TOKEN\"; env >&2"
    program(tmp_path / "bin", "blackfire", echo, monkeypatch)
    told = asked(run, "blackfire", "--requests", 3)
    program(tmp_path / "bin", "blackfire", "env >&2; env; exit 3", monkeypatch)
    failed = asked(run, "blackfire", "--requests", 3)
    shown = [text for ended in (told, failed) for text in (ended.out, ended.err)]
    kept = [file.read_text(errors="replace") for file in run.rglob("*") if file.is_file()]
    assert not any(SECRET in text or "an-id-of-somebody" in text for text in (*shown, *kept))
    assert [suspect["bytes_per_request"] for suspect in told.document["reports"][0]["suspects"]] == [1000, 2000]
    assert "exit code 3" in failed.document["reports"][0]["message"]
    assert (told.code, failed.code) == (0, 4)


def test_a_run_asks_the_tools_of_its_scenario_and_its_verdict_stands(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", "valgrind", "kill -SEGV $$", monkeypatch)
    plan = {"tools": ["valgrind", "xhprof"], "environment": {"WORKERS": 1}, "requests": 20, "limit": "20s"}
    scenario = place.scenario(local(), diagnose=plan)
    ended = hyperleak("run", scenario, "--results", place.results, "--json")
    assert ended.code == 1
    assert ended.verdicts[LEAK] == "leak"
    (folder,) = place.folders()
    reports = json.loads((folder / "diagnosis.json").read_text())["reports"]
    assert [(report["tool"], report["status"]) for report in reports] == [("valgrind", "failed"), ("xhprof", "told")]
    assert "Second opinions" in ended.err
    assert "Second opinions" in (folder / "report.html").read_text()
