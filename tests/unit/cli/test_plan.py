"""`hyperleak plan` with a given noise, which starts nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.analysis.plan import Noise
from harness.calibration import Basis
from harness.cautions import Caution, cautions_of
from harness.cli import plan as plan_module
from harness.errors import TargetError
from harness.planning import given_basis, make_plan
from harness.scenario import load_scenario
from tests.unit.cli.conftest import Hyperleak

Written = Callable[..., Path]
ENDPOINTS = ["GET /a", "GET /b"]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(**more: Any) -> Path:
        file = tmp_path / "shop.yaml"
        document = {"name": "shop", "target": {"image": "app", "port": 80}, "endpoints": ENDPOINTS, **more}
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        return file

    return write


@pytest.fixture(autouse=True)
def _no_huge_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.cautions.HUGE_PAGES", tmp_path / "none")


def cautions(file: Path, *, noise: float = 0.0, huge_pages: str = "", basis: Basis | None = None) -> list[Caution]:
    scenario = load_scenario(file, os.environ)
    return list(cautions_of(make_plan(scenario, basis or given_basis(scenario, Noise(noise))), huge_pages))


def kinds(file: Path, **more: Any) -> list[str]:
    return [caution.kind for caution in cautions(file, **more)]


def test_the_answer_comes_first(written: Written, hyperleak: Hyperleak) -> None:
    done = hyperleak("plan", written(load={"budget": "1m"}), "--noise", "2KiB")
    assert done.code == 0
    first = " ".join(done.out.split("stage")[0].split())
    assert first.startswith("In at most 1m")
    assert "B/request on are seen (99%)" in first
    assert "threshold of 64 B" in first
    assert "Given: noise 2 KiB a reading" in done.out
    assert done.err == ""


def test_the_document_is_alone_on_stdout_and_adds_up(written: Written, hyperleak: Hyperleak) -> None:
    done = hyperleak("plan", written(), "--noise", "1KiB", "--drift", "100B", "--json")
    document = done.document
    assert document["duration_s"] == pytest.approx(sum(stage["duration_s"] for stage in document["stages"]))
    assert document["requests"] == sum(stage["requests"] for stage in document["stages"])
    margin = document["detectable_bytes_per_request"]
    assert document["smallest_leak_bytes_per_request"] == pytest.approx(64.0 + margin)
    assert (document["noise"]["white_bytes"], document["noise"]["walk_bytes_per_sqrt_s"]) == (1024.0, 100.0)
    assert document["noise"]["source"] == "given"
    assert done.err.startswith("In at most")


def test_the_stages_are_those_of_the_run(written: Written, hyperleak: Hyperleak) -> None:
    stages = hyperleak("plan", written(load={"budget": "100s"}), "--noise", "0", "--json").document["stages"]
    names = ["screening", "warm-up", "blocks", "confirming", "volume", "native", "mix"]
    assert [stage["name"] for stage in stages] == names
    took = {stage["name"]: stage["duration_s"] for stage in stages}
    assert took["screening"] == 15.0
    assert 50.0 <= took["blocks"] <= 52.0
    assert took["confirming"] == pytest.approx(25.0)
    assert took["volume"] <= 20.0
    assert took["native"] <= 40.0


def test_what_the_run_leaves_out_is_left_out(written: Written, hyperleak: Hyperleak) -> None:
    file = written(load={"warmup": 0}, screening={"enabled": False}, endpoints=["GET /a"])
    stages = hyperleak("plan", file, "--noise", "0", "--json").document["stages"]
    assert [stage["name"] for stage in stages] == ["blocks", "confirming", "volume", "native"]


def test_a_wanted_leak_gets_its_budget_and_is_seen_with_it(written: Written, hyperleak: Hyperleak) -> None:
    asked = ("--noise", "4KiB", "--json")
    budget_s = hyperleak("plan", written(), "--leak", "80B", *asked).document["wanted"]["budget_s"]
    again = hyperleak("plan", written(load={"budget": f"{budget_s:.3f}s"}), *asked).document
    assert again["smallest_leak_bytes_per_request"] == pytest.approx(80.0, rel=1e-3)


def test_a_leak_that_no_budget_sees_is_said_so(written: Written, hyperleak: Hyperleak) -> None:
    file = written(sampling={"heap": False})
    done = hyperleak("plan", file, "--noise", "1MiB", "--leak", "65B", "--json")
    assert done.document["wanted"] == {"leak_bytes_per_request": 65.0, "budget_s": None}
    assert "No budget sees a leak of 65 B/request" in done.err


def test_threshold_and_confidence_are_those_of_the_option(written: Written, hyperleak: Hyperleak) -> None:
    asked = ("plan", written(), "--noise", "2KiB", "--json")
    own = hyperleak(*asked).document
    other = hyperleak(*asked, "--threshold", "32B", "--confidence", "0.9").document
    assert (other["threshold_bytes_per_request"], other["confidence"]) == (32.0, 0.9)
    assert other["detectable_bytes_per_request"] < own["detectable_bytes_per_request"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--noise", "0", "--leak", "64B"], "isn't above the threshold"),
        (["--leak", "1B"], "isn't above the threshold"),
        (["--drift", "1KiB"], "--drift goes with --noise"),
        (["--noise", "much"], "--noise"),
    ],
)
def test_options_that_make_no_sense_are_bad_input(
    options: list[str], said: str, written: Written, hyperleak: Hyperleak
) -> None:
    done = hyperleak("plan", written(), *options)
    assert done.code == 2
    assert said in done.err


def test_an_unlimited_rate_needs_a_calibration(written: Written, hyperleak: Hyperleak) -> None:
    done = hyperleak("plan", written(load={"rate": "max"}), "--noise", "0", "--json")
    assert done.code == 2
    assert "unlimited rate" in done.document["error"]
    assert "load.rate" in done.document["hint"]


def test_a_calibration_that_fails_is_told(
    written: Written, hyperleak: Hyperleak, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> Basis:
        raise TargetError("the target died in the calibration: killed", hint="give the noise")

    monkeypatch.setattr(plan_module, "calibrate", dies)
    done = hyperleak("plan", written(), "--json")
    assert (done.code, done.document["exit_code"]) == (4, 4)


def test_a_scenario_of_which_nothing_speaks_against_has_no_cautions(written: Written) -> None:
    assert cautions(written(), huge_pages="always [madvise] never\n") == []


def test_too_few_windows_are_told_with_a_budget_that_is_enough(written: Written, hyperleak: Hyperleak) -> None:
    (caution,) = [c for c in cautions(written(load={"budget": "2s"})) if c.kind == "budget"]
    enough = caution.hint.split("load.budget to ")[1].split(" or")[0]
    assert "budget" not in kinds(written(load={"budget": enough}))
    document = hyperleak("plan", written(load={"budget": "2s"}), "--noise", "0", "--json").document
    assert document["smallest_leak_bytes_per_request"] is None
    assert "too few windows" in hyperleak("plan", written(load={"budget": "2s"}), "--noise", "0").out


@pytest.mark.parametrize("load", [{"profile": "soak", "budget": "1s"}, {"budget": "1s"}])
def test_the_other_designs_have_budgets_that_are_too_small_too(written: Written, load: dict[str, Any]) -> None:
    def short(budget: str) -> list[Caution]:
        file = written(load=load | {"budget": budget}, sampling={"heap": False})
        return [caution for caution in cautions(file) if caution.kind == "budget"]

    (caution,) = short(load["budget"])
    assert short(caution.hint.split("load.budget to ")[1].split(" or")[0]) == []


def test_a_noise_that_clears_nobody_is_told_with_a_budget_that_does(written: Written) -> None:
    (caution,) = cautions(written(), noise=20_000)
    assert caution.kind == "threshold"
    enough = caution.hint.split("load.budget to ")[1].split(" or")[0]
    assert cautions(written(load={"budget": enough}), noise=20_000) == []


def test_huge_pages_are_told_by_kernel_and_by_environment(written: Written) -> None:
    assert kinds(written(), huge_pages="[always] madvise never\n") == ["huge_pages"]
    environment = {"USE_ZEND_ALLOC_HUGE_PAGES": "1"}
    assert kinds(written(target={"image": "app", "port": 80, "environment": environment})) == ["huge_pages"]


def test_the_kernels_setting_is_read_where_there_is_one(
    written: Written, hyperleak: Hyperleak, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = tmp_path / "enabled"
    setting.write_text("[always] madvise never\n")
    monkeypatch.setattr("harness.cautions.HUGE_PAGES", setting)
    done = hyperleak("plan", written(), "--noise", "0")
    assert "transparent huge pages are on" in " ".join(done.out.split())


@pytest.mark.parametrize(("limit", "told"), [(0, False), (100, True), (100_000, False)])
@pytest.mark.parametrize("name", ["MAX_REQUEST", "max_request"])
def test_a_worker_that_lives_too_short_is_told(name: str, limit: int, told: bool, written: Written) -> None:
    file = written(target={"image": "app", "port": 80, "environment": {name: limit}})
    assert ("max_request" in kinds(file)) == told


def test_what_the_calibration_saw_is_told(written: Written) -> None:
    found = kinds(written(), basis=Basis(Noise(0.0), "php_heap", 100.0, calibrated=True, broken_share=0.6))
    assert found == ["max_request", "rate"]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"name": "twin", "path": "/a"}, "are the same request"),
        ({"name": "twin", "path": "/a", "headers": {"X-Shop": "1"}}, "go to the same method and path"),
    ],
)
def test_endpoints_that_cannot_be_told_apart_are_named(second: dict[str, Any], said: str, written: Written) -> None:
    (caution,) = cautions(written(endpoints=["GET /a", second, {"name": "other", "method": "POST", "path": "/a"}]))
    assert caution.kind == "alike"
    assert "'GET /a' and 'twin'" in caution.message
    assert said in caution.message


def test_a_soak_says_how_badly_it_tells_endpoints_apart(written: Written) -> None:
    rare = {"name": "rare", "path": "/rare", "weight": 0.1}
    file = written(load={"profile": "soak", "budget": "10m"}, endpoints=["GET /a", rare])
    (caution,) = [caution for caution in cautions(file) if caution.kind == "soak"]
    assert "'rare'" in caution.message


def test_without_heaps_the_requests_that_clear_an_endpoint_are_told(written: Written) -> None:
    assert "hidden" in kinds(written(sampling={"heap": False}, load={"budget": "20s"}))
    assert "hidden" not in kinds(written(sampling={"heap": False}, load={"budget": "20m"}))


def test_hostile_names_do_not_reach_the_terminal(written: Written, hyperleak: Hyperleak) -> None:
    name = "\u001b[31m[bold]"
    file = written(endpoints=["GET /a", {"name": name, "path": "/a"}])
    assert "\x1b" not in hyperleak("plan", file, "--noise", "0").out
