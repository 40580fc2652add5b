"""Prometheus' text format, read back by its own parser."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from harness.model.samples import Event
from harness.model.verdict import Verdict
from harness.report.printable import one_line
from harness.report.prometheus import render_prometheus, render_runs
from tests.command import hyperleak
from tests.unit.verdicts import endpoint, verdict_of

RUN = "shop-20261123t170309z-e15882"
LEAKING = verdict_of(
    endpoint(failures={"500": 2, "timeout": 1}),
    endpoint("GET /clean", "clean"),
    run_id=RUN,
    time_driven_bytes_per_second=12.5,
    events=(Event(elapsed_s=1, kind="worker_restart"), Event(elapsed_s=2, kind="worker_restart")),
)


def series(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name.removeprefix("hyperleak_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def at(kept: Verdict, name: str, /, **labels: str) -> float | None:
    return series(render_prometheus(kept)).get((name, frozenset({"scenario": "shop", **labels}.items())))


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("run_measured", {}, 1),
        ("run_info", {"run_id": RUN}, 1),
        ("run_start_timestamp_seconds", {}, 1795453389),
        ("run_outcome", {"outcome": "leak"}, 1),
        ("run_outcome", {"outcome": "clean"}, 0),
        ("run_events", {"kind": "worker_restart"}, 2),
        ("idle_growth_bytes_per_second", {}, 12.5),
        ("endpoint_verdict", {"endpoint": "GET /static", "verdict": "leak"}, 1),
        ("endpoint_verdict", {"endpoint": "GET /clean", "verdict": "leak"}, 0),
        ("endpoint_retained_bytes", {"endpoint": "GET /static"}, 652),
        ("endpoint_retained_lower_bytes", {"endpoint": "GET /static"}, 640),
        ("endpoint_retained_upper_bytes", {"endpoint": "GET /static"}, 664),
        ("endpoint_requests", {"endpoint": "GET /static"}, 1523),
        ("endpoint_failed_requests", {"endpoint": "GET /static"}, 3),
    ],
)
def test_the_verdict_is_there_in_base_units(name: str, labels: dict[str, str], value: float) -> None:
    assert at(LEAKING, name, **labels) == value


def test_what_nothing_bounds_has_no_series() -> None:
    wide = verdict_of(endpoint(ci95=(-(2.0**50), 2.0**50)), run_id=RUN)
    assert at(wide, "endpoint_retained_upper_bytes", endpoint="GET /static") is None
    assert at(wide, "endpoint_retained_bytes", endpoint="GET /static") == 652


def test_a_scenario_that_could_not_be_measured_is_said_to_be() -> None:
    found = series(render_runs([LEAKING], ["users"]))
    assert found["run_measured", frozenset({("scenario", "users")})] == 0
    assert found["run_measured", frozenset({("scenario", "shop")})] == 1


def test_every_name_is_of_the_product_and_explained() -> None:
    for family in text_string_to_metric_families(render_prometheus(LEAKING)):
        assert family.name.startswith("hyperleak_")
        assert family.documentation
        assert family.type == "gauge"
        assert not family.name.endswith(("_total", "_count", "_sum", "_bucket"))


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_name_comes_back_from_the_parser(name: str, run: str) -> None:
    text = render_prometheus(verdict_of(endpoint(name), run_id=run))
    text.encode("utf-8")
    found = {labels for kind, labels in series(text) if kind == "endpoint_requests"}
    assert found == {frozenset({("scenario", one_line(run)), ("endpoint", one_line(name))})}


def test_report_renders_it(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(LEAKING.model_dump_json())
    assert hyperleak("report", tmp_path, "--format", "prometheus", "-o", tmp_path).code == 0
    assert (tmp_path / "report.prom").read_text() == render_prometheus(LEAKING)
