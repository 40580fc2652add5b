"""What a person is told to do next: commands that exist, with the files and numbers of this very run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.verdict import EndpointVerdict, Verdict
from harness.report.next_steps import Origin, next_steps
from tests.unit.verdicts import endpoint, verdict_of

ALL = frozenset({"run", "plan", "report", "bisect", "compare"})
ORIGIN = Origin(
    commands=ALL,
    folder=Path("results/shop/1"),
    page=Path("results/shop/1/report.html"),
    scenario=Path("my shop.yaml"),
    budget_s=60.0,
    threshold_bytes=64.0,
)
FAR = float(2**53)


def commands(verdict: Verdict, origin: Origin = ORIGIN) -> list[str]:
    return [step.command for step in next_steps(verdict, origin)]


def open_one(**values: object) -> EndpointVerdict:
    return endpoint("GET /a", "inconclusive", **values)


def test_after_a_leak_come_the_page_the_commit_the_comparison_and_the_report_for_machines() -> None:
    assert commands(verdict_of(endpoint("GET /a"))) == [
        "results/shop/1/report.html",
        "hyperleak bisect --good GOOD_REV --bad HEAD 'my shop.yaml'",
        "hyperleak run 'my shop.yaml'",
        "hyperleak compare results/shop/1 NEW_RUN",
        "hyperleak report results/shop/1 -f sarif",
    ]


def test_only_commands_that_there_are_and_files_that_are_known_are_named() -> None:
    leak = verdict_of(endpoint("GET /a"))
    assert commands(leak, Origin(commands=frozenset())) == []
    assert commands(leak, replace(ORIGIN, commands=frozenset({"run"}), page=None)) == []


def test_after_a_first_look_comes_a_scenario_unless_all_is_clean() -> None:
    looked = Origin(commands=ALL | {"init"}, running="http://127.0.0.1:9501 --container shop")
    expected = ["hyperleak init http://127.0.0.1:9501 --container shop", "hyperleak run scenario.yaml"]
    assert commands(verdict_of(endpoint("GET /a")), looked) == expected
    assert commands(verdict_of(endpoint("GET /a", "clean")), looked) == []


def test_after_a_clean_run_there_is_nothing_to_do_but_to_look() -> None:
    clean = verdict_of(endpoint("GET /a", "clean"))
    assert commands(clean) == ["results/shop/1/report.html"]
    assert commands(clean, replace(ORIGIN, page=None)) == []


@pytest.mark.parametrize(
    ("detectable_bytes", "budget"),
    [(25.0, "2m"), (64.0, "2m"), (100.0, "4m"), (128.0, "4m"), (1e6, "16m"), (FAR, "2m")],
)
def test_a_run_that_could_not_tell_is_advised_to_take_as_long_as_it_needs(detectable_bytes: float, budget: str) -> None:
    told = commands(verdict_of(open_one(detectable_bytes_per_request=detectable_bytes)))
    assert f"hyperleak run 'my shop.yaml' --budget {budget}" in told
    assert "hyperleak plan 'my shop.yaml' --leak 128B" in told


def test_or_to_be_content_with_what_it_sees() -> None:
    told = commands(verdict_of(open_one(detectable_bytes_per_request=101.0)))
    assert "hyperleak run 'my shop.yaml' --threshold 104B" in told
    assert not any("--threshold" in command for command in commands(verdict_of(open_one())))


def test_growth_that_goes_on_is_advised_more_requests_whatever_for() -> None:
    steps = next_steps(verdict_of(open_one(ci95=(10.0, 90.0))), ORIGIN)
    assert any("more requests tell a cache from a leak" in step.purpose for step in steps)


def test_unexpected_answers_lead_to_the_scenario_and_the_logs() -> None:
    steps = next_steps(verdict_of(endpoint("GET /a", "clean", failures={"404": 3, "timeout": 1})), ORIGIN)
    assert ("if 404 is right", "expect: 404   # at the endpoint in the scenario") in steps
    assert steps[-1] == ("what the app said", "results/shop/1/logs")


@given(st.floats(0, 1e300), st.floats(1e-3, 1e9), st.floats(0.1, 1e6))
def test_no_number_makes_the_advice_fail(detectable_bytes: float, threshold_bytes: float, budget_s: float) -> None:
    origin = replace(ORIGIN, threshold_bytes=threshold_bytes, budget_s=budget_s)
    assert commands(verdict_of(open_one(detectable_bytes_per_request=detectable_bytes)), origin)
