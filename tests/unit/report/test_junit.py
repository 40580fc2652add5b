"""JUnit XML as continuous integration reads it: what fails, what is skipped, and names that XML can't hold."""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given

from harness.model.samples import Event
from harness.model.verdict import EndpointOutcome, Holder, Verdict
from harness.report.junit import render_junit
from harness.report.printable import one_line
from tests.unit.report.hostile import NAMES, OUTCOMES, TEXTS, verdict_about
from tests.unit.verdicts import endpoint, verdict_of

# Of junit-10.xsd: the attributes that an element must and may have, and the elements that may be in it.
SCHEMA: Final[dict[str, tuple[set[str], set[str], set[str]]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"skipped", "time", "timestamp", "hostname", "id", "package", "file"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": (
        {"name"},
        {"classname", "time", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}


def parsed(verdict: Verdict) -> ET.Element:
    return ET.fromstring(render_junit(verdict).encode("utf-8"))


def case_of(verdict: Verdict, index: int = 0) -> ET.Element:
    return parsed(verdict).findall("testsuite/testcase")[index]


def assert_valid(element: ET.Element) -> None:
    required, optional, inside = SCHEMA[element.tag]
    assert required <= set(element.keys()) <= required | optional
    for child in element:
        assert child.tag in inside
        assert_valid(child)


def in_xml(name: str) -> str:
    return one_line(name).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def test_a_leak_is_a_failure_with_its_cause_and_who_holds_it() -> None:
    holder = Holder(
        path="App\\Registry::$items", file="app/Registry.php", line=12, bytes_per_request=648, elements_per_request=1
    )
    failure = case_of(verdict_of(endpoint(cause="static", holders=(holder,)))).find("failure")
    assert failure is not None
    assert failure.get("type") == "static"
    assert failure.get("message") == (
        "leaks 652 B/request (95% 640-664) in the PHP heaps: a static property or variable"
    )
    assert failure.text == "App\\Registry::$items (app/Registry.php:12): 648 B, one more element per request"


def test_an_open_question_is_skipped_and_says_what_was_not_seen() -> None:
    skipped = case_of(verdict_of(endpoint("GET /a", "inconclusive"))).find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "inconclusive: a leak under 25 B/request is not seen yet"


@pytest.mark.parametrize("outcome", ["clean", "bounded", "garbage"])
def test_what_does_not_leak_passes_with_its_figures(outcome: EndpointOutcome) -> None:
    case = case_of(verdict_of(endpoint("GET /a", outcome, note="a remark")))
    assert [child.tag for child in case] == ["system-out"]
    assert f"verdict: {outcome}" in (case[0].text or "")
    assert "a remark" in (case[0].text or "")


def test_the_counts_are_those_of_the_cases() -> None:
    verdict = verdict_of(endpoint("a"), endpoint("b"), endpoint("c", "inconclusive"), endpoint("d", "clean"))
    root = parsed(verdict)
    assert [root.get(name) for name in ("tests", "failures", "errors")] == ["4", "2", "0"]
    assert [root[0].get(name) for name in ("tests", "failures", "errors", "skipped")] == ["4", "2", "0", "1"]


def test_a_leak_of_all_together_fails_though_every_endpoint_passes() -> None:
    verdict = verdict_of(endpoint("GET /a", "clean"), outcome="leak", unattributed_bytes_per_request=300.0)
    assert case_of(verdict, 1).get("name") == "all endpoints together"
    failure = case_of(verdict, 1).find("failure")
    assert failure is not None
    assert failure.get("message") == "no endpoint leaks by itself, all together keep 300 B/request"


def test_a_run_that_is_open_as_a_whole_is_not_green() -> None:
    verdict = verdict_of(endpoint("GET /a", "clean"), outcome="inconclusive")
    assert case_of(verdict, 1).find("skipped") is not None


def test_the_suite_is_called_the_same_in_every_run_of_a_scenario() -> None:
    names = {
        parsed(verdict_of(endpoint(), run_id=run_id))[0].get("name")
        for run_id in ("shop-a-20260301t123005z-abc123", "shop-a-20260302t000000z-0f0f0f")
    }
    assert names == {"shop-a"}


def test_what_happened_to_the_run_is_the_suites_output() -> None:
    events = (Event(elapsed_s=31.0, kind="oom_kill"),)
    suite = parsed(verdict_of(endpoint(), events=events))[0]
    assert suite.findtext("system-out") == "oom kill: at 31.0 s"
    assert {p.get("name"): p.get("value") for p in suite.iter("property")}["run_id"] == "run-1"


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names_come_back_written_out(name: str, outcome: EndpointOutcome) -> None:
    verdict = verdict_about(name, name, outcome)
    assert_valid(parsed(verdict))
    assert case_of(verdict).get("name") == in_xml(name)


@given(TEXTS, TEXTS)
def test_any_name_gives_xml_that_parses_back_to_it(name: str, said: str) -> None:
    text = render_junit(verdict_about(name, said))
    assert re.search(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text) is None
    root = ET.fromstring(text.encode("utf-8"))
    assert_valid(root)
    assert [case.get("name") for case in root.iter("testcase")] == [in_xml(name), "GET /other"]
