"""`hyperleak report`: a run rendered again, on stdout or into files, and records that can't be read."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness.model.picture import Dossier
from harness.model.verdict import Holder
from harness.report.formats import FORMATS
from tests.unit.analysis.recordings import clean, leak, screening
from tests.unit.cli.conftest import Hyperleak
from tests.unit.verdicts import endpoint, verdict_of

HOLDER = Holder(
    path="App\\R::$a", file="/opt/www/app/R.php", line=12, bytes_per_request=648.0, elements_per_request=1.0
)
LEAKING = verdict_of(endpoint("GET /café", cause="static", holders=(HOLDER,)), endpoint("GET /b", "clean"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "record.json").write_text(LEAKING.model_dump_json(), encoding="utf-8")
    return folder


def program(run: Path, out: int, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", "from harness.cli.main import main; main()", "report", str(run), *arguments]
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    return subprocess.run(
        command, stdout=out, stderr=subprocess.PIPE, env=ascii_only, cwd=Path.cwd(), timeout=60, check=False
    )


def test_each_format_is_alone_on_stdout(run: Path, hyperleak: Hyperleak) -> None:
    said = {name: hyperleak("report", run, "--format", name) for name in FORMATS}
    assert {done.err for done in said.values()} == {""}
    assert said["json"].document == LEAKING.model_dump(mode="json")
    assert ET.fromstring(said["junit"].out.encode()).tag == "testsuites"
    assert said["sarif"].document["version"] == "2.1.0"
    assert said["markdown"].out.startswith("### LEAK: GET /café")
    assert said["html"].out.startswith("<!doctype html>")
    assert [row["endpoint"] for row in csv.DictReader(io.StringIO(said["csv"].out))] == ["GET /café", "GET /b"]


def test_a_record_file_is_as_good_as_its_folder(run: Path, hyperleak: Hyperleak) -> None:
    by_file, by_folder = (hyperleak("report", path, "-f", "csv").out for path in (run / "record.json", run))
    assert by_file == by_folder


def test_the_same_run_gives_the_same_text_again(run: Path, hyperleak: Hyperleak) -> None:
    for name in FORMATS:
        assert hyperleak("report", run, "-f", name).out == hyperleak("report", run, "-f", name).out


def test_without_a_format_a_person_reads_the_verdict_or_a_program_the_document(run: Path, hyperleak: Hyperleak) -> None:
    assert hyperleak("report", run).out.startswith("LEAK: GET /café 652 B/request")
    done = hyperleak("report", run, "--json")
    assert done.document == LEAKING.model_dump(mode="json")
    assert "LEAK" in done.err
    assert hyperleak("report", run, "--json", "--format", "json").document == done.document


@pytest.mark.parametrize("outcome", ["leak", "clean", "inconclusive"])
def test_the_exit_code_says_that_it_was_rendered_whatever_the_verdict(
    outcome: str, run: Path, hyperleak: Hyperleak
) -> None:
    document = LEAKING.model_dump(mode="json") | {"outcome": outcome}
    (run / "record.json").write_text(json.dumps(document))
    assert hyperleak("report", run, "--format", "junit").code == 0


def test_a_folder_gets_a_file_for_each_format(run: Path, tmp_path: Path, hyperleak: Hyperleak) -> None:
    folder = tmp_path / "new" / "reports"
    done = hyperleak("report", run, "--format", "junit, sarif,junit", "-o", folder)
    assert done.code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["report.junit.xml", "report.sarif"]
    assert done.out.splitlines() == [f"Written: {folder / name}" for name in ("report.junit.xml", "report.sarif")]
    for name in ("junit", "sarif"):
        written = (folder / f"report{FORMATS[name].suffix}").read_text("utf-8")
        assert written == FORMATS[name].render(Dossier(verdict=LEAKING))


def test_a_folder_alone_gets_all_formats_and_json_names_the_files(
    run: Path, tmp_path: Path, hyperleak: Hyperleak
) -> None:
    done = hyperleak("report", run, "-o", tmp_path / "all", "--json")
    assert done.document["files"].keys() == FORMATS.keys()
    assert all(Path(file).is_file() for file in done.document["files"].values())
    assert sorted(path.name for path in run.iterdir()) == ["record.json"]


@pytest.mark.parametrize("name", ["html", "junit", "sarif", "markdown", "csv"])
def test_files_of_the_container_are_told_as_the_repositorys(name: str, run: Path, hyperleak: Hyperleak) -> None:
    text = hyperleak("report", run, "--format", name, "--path-prefix", "/opt/www=src").out
    assert "src/app/R.php" in text
    assert "/opt/www" not in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "pdf"], "'pdf'"),
        (["--format", ""], "''"),
        (["--format", "csv,pdf"], "'pdf'"),
        (["--format", "csv,junit"], "-o DIR"),
        (["--format", "csv", "--json"], "--json"),
        (["--format", "sarif", "--path-prefix", "here"], "/opt/www=app"),
    ],
)
def test_options_that_make_no_sense_are_bad_input(
    arguments: list[str], said: str, run: Path, hyperleak: Hyperleak
) -> None:
    done = hyperleak("report", run, *arguments)
    assert done.code == 2
    assert said in done.err


def test_a_later_record_with_more_fields_is_rendered(run: Path, hyperleak: Hyperleak) -> None:
    document = LEAKING.model_dump(mode="json") | {"colour": "red"}
    document["endpoints"][0]["mood"] = "good"
    (run / "record.json").write_text(json.dumps(document))
    assert hyperleak("report", run, "--format", "csv").out == FORMATS["csv"].render(Dossier(verdict=LEAKING))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"", "the document"),
        (b'{"schema_version": 1, "run_id', "the document"),
        (b"\xff\xfe", "the document"),
        (b'{"schema_version": 2}', "schema_version"),
        (LEAKING.model_dump_json().replace("652.0", '"much"').encode(), "endpoints.0.bytes_per_request"),
        (LEAKING.model_dump_json().replace("652.0", "NaN").encode(), "bytes_per_request"),
    ],
)
def test_a_damaged_record_is_told_with_file_field_and_what_to_do(
    content: bytes | None, said: str, run: Path, hyperleak: Hyperleak
) -> None:
    (run / "record.json").unlink() if content is None else (run / "record.json").write_bytes(content)
    done = hyperleak("report", run, "--format", "sarif")
    assert (done.code, done.out) == (2, "")
    assert str(run / "record.json") in done.err
    assert said in done.err
    assert "→" in done.err


def test_where_samples_are_left_the_way_back_to_a_verdict_is_told(run: Path, hyperleak: Hyperleak) -> None:
    (run / "record.json").unlink()
    (run / "samples.jsonl").write_text("{}\n")
    assert f"hyperleak analyze {run}" in hyperleak("report", run).err


def test_a_full_disk_leaves_the_older_report_whole(run: Path, tmp_path: Path, hyperleak: Hyperleak) -> None:
    (tmp_path / "report.csv").write_text("older")
    (tmp_path / ".report.csv.part").symlink_to("/dev/full")
    done = hyperleak("report", run, "--format", "csv", "-o", tmp_path)
    assert done.code == 4
    assert f"{tmp_path / 'report.csv'}: the report can't be written: No space left on device" in done.err
    assert (tmp_path / "report.csv").read_text() == "older"
    assert not (tmp_path / ".report.csv.part").is_symlink()


def test_a_folder_that_cant_be_made_is_told(run: Path, hyperleak: Hyperleak) -> None:
    done = hyperleak("report", run, "-o", run / "record.json" / "below")
    assert done.code == 4
    assert "-o" in done.err


def test_a_full_disk_behind_stdout_could_not_be_written(run: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = program(run, full.fileno(), "--format", "junit")
    assert done.returncode == 4
    assert done.stderr.startswith(b"hyperleak: standard output: the report can't be written: No space left on device")


def test_a_reader_that_left_changes_no_answer(run: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = program(run, writer, "--format", "csv")
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("name", FORMATS)
def test_stdout_is_utf8_whatever_the_terminal_takes(name: str, run: Path) -> None:
    done = program(run, subprocess.PIPE, "--format", name)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode("utf-8") == FORMATS[name].render(Dossier(verdict=LEAKING))


def test_a_folder_with_nothing_but_a_screening_has_a_page_with_its_growth(tmp_path: Path, hyperleak: Hyperleak) -> None:
    recording = screening({"GET /leak": leak(500), "GET /clean": clean}, 40)
    rows = [recording.header.model_dump_json(), *(request.model_dump_json() for request in recording.requests)]
    (tmp_path / "screen.jsonl").write_text("\n".join(rows) + "\n")
    page = hyperleak("report", tmp_path, "--format", "html").out
    assert "1 of 2 endpoints leaks" in page
    assert 'id="chart-growth"' in page
    assert 'id="chart-memory"' not in page


def test_a_page_without_readable_samples_says_so(run: Path, hyperleak: Hyperleak) -> None:
    assert "The curves are missing" in hyperleak("report", run, "--format", "html").out
    (run / "samples.jsonl").write_text("{}\n")
    page = hyperleak("report", run, "--format", "html").out
    assert "the curves are missing" in page
    assert "samples.jsonl:1" in page


def test_a_page_has_the_scenario_as_it_was_written(run: Path, hyperleak: Hyperleak) -> None:
    (run / "scenario.yaml").write_text("login: {password: ${SECRET:-x}}  # <kept>\n")
    page = hyperleak("report", run, "--format", "html").out
    assert "login: {password: ${SECRET:-x}}  # &lt;kept&gt;" in page
