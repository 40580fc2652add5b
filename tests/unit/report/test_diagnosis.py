"""Second opinions in all reports; whatever a tool has read from a target can't be markup there."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from harness.history import RunFolder
from harness.model.diagnosis import Diagnosis, Suspect, ToolReport
from harness.model.picture import Dossier
from harness.report.diagnosis import MOST_SUSPECTS, markdown_opinions, render_diagnosis
from harness.report.formats import FORMATS
from tests.command import hyperleak
from tests.unit.report.pages import Page
from tests.unit.verdicts import endpoint, verdict_of

EVIL = "<script>alert(1)</script>|\x1b[2J`[x](http://e)`"
TOLD = ToolReport(
    tool="xhprof",
    endpoint="GET /static",
    status="told",
    requests=50,
    suspects=(
        Suspect(
            where="Leaks\\Payload::of",
            bytes_per_request=544.0,
            calls_per_request=1.0,
            file="/app/Payload.php",
            line=12,
            stack=("Leaks\\Payload::of", "StaticProperty::leaky", "Router::dispatch", "main"),
        ),
    ),
    notes=("a note",),
)
ABSENT = ToolReport(tool="valgrind", endpoint="GET /static", status="absent", message="add valgrind to the image")


def diagnosis_of(*reports: ToolReport) -> Diagnosis:
    return Diagnosis(run_id="run-1", reports=reports)


def terminal(diagnosis: Diagnosis, width: int = 120) -> str:
    text = io.StringIO()
    Console(file=text, width=width, emoji=False).print(render_diagnosis(diagnosis))
    return text.getvalue()


def evil() -> Diagnosis:
    places = {"where": EVIL, "kind": EVIL, "file": EVIL, "stack": (EVIL, EVIL)}
    suspect = TOLD.suspects[0].model_copy(update={**places, "calls_per_request": None})
    told = TOLD.model_copy(update={"suspects": (suspect,), "endpoint": EVIL, "notes": (EVIL,)})
    return diagnosis_of(told, ABSENT.model_copy(update={"message": EVIL}))


def test_a_terminal_shows_where_and_how_much() -> None:
    shown = terminal(diagnosis_of(TOLD, ABSENT))
    for said in ("Leaks\\Payload::of", "/app/Payload.php:12", "← StaticProperty::leaky", "544.0", "1.00"):
        assert said in shown
    assert "valgrind, GET /static: absent: add valgrind to the image" in shown


def test_only_the_largest_are_shown_and_the_others_told_of() -> None:
    many = TOLD.model_copy(update={"suspects": TOLD.suspects * (MOST_SUSPECTS + 3)})
    assert "3 smaller ones are in diagnosis.json" in terminal(diagnosis_of(many))
    assert "nothing grew" in terminal(diagnosis_of(TOLD.model_copy(update={"suspects": ()})))


def test_no_control_characters_get_to_a_terminal() -> None:
    assert "\x1b" not in terminal(evil())


def test_markdown_has_one_row_a_suspect() -> None:
    text = markdown_opinions(diagnosis_of(TOLD, ABSENT))
    (row,) = [line for line in text.splitlines() if "StaticProperty::leaky" in line]
    assert row.endswith("| 544.0 | 1.00 |")
    assert "- valgrind, GET /static: absent" in text
    assert markdown_opinions(diagnosis_of()) == ""


def test_markdown_lets_nothing_through_as_markup() -> None:
    text = markdown_opinions(evil())
    assert "<script" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("| `xhprof`")]
    assert row.count("|") == 6


def test_the_page_has_a_section_of_its_own_where_a_tool_was_asked() -> None:
    verdict = verdict_of(endpoint())
    assert "Second opinions" not in Page(FORMATS["html"].render(Dossier(verdict=verdict))).text
    page = Page(FORMATS["html"].render(Dossier(verdict=verdict, diagnosis=diagnosis_of(TOLD, ABSENT))))
    assert "Second opinions" in page.text
    assert "StaticProperty::leaky" in page.text
    assert "add valgrind to the image" in page.text


def test_the_page_escapes_what_tools_say() -> None:
    html = FORMATS["html"].render(Dossier(verdict=verdict_of(endpoint()), diagnosis=evil()))
    assert "<script>alert" not in html


def test_reports_of_a_run_take_the_diagnosis_beside_its_record(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "run-1")
    folder.write_record(verdict_of(endpoint()))
    folder.write_diagnosis(diagnosis_of(TOLD))
    assert "Second opinions" in hyperleak("report", tmp_path).out
    assert hyperleak("report", tmp_path, "--format", "markdown", "-o", tmp_path).code == 0
    assert "Second opinions" in (tmp_path / "report.md").read_text()
    (tmp_path / "diagnosis.json").write_text("{")
    broken = hyperleak("report", tmp_path)
    assert (broken.code, "the second opinions are missing" in broken.out) == (0, True)
