"""Whatever is in the file, it is a scenario or a ScenarioError."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.model.scenario import Scenario
from harness.scenario import Problem, ScenarioError, json_schema, load_scenario

FUZZ = settings(suppress_health_check=list(HealthCheck), max_examples=200, deadline=None)

PIECES = (
    "target: |endpoints: |login: |- |GET /|{{ |}}|${A}|${|$$|&a |*a|!!str |'|\"|: |, |[|]|{|}|#|\n|\n  |\t|null|1e9|é"
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["GET /", "/x", "{{ a }}", "${A}", "5s", "1KiB", "leak", "a.csv", "max"]),
)
SECTIONS = ["name", "target", "load", "sampling", "defaults", "login", "endpoints", "seed", "expect", "threshold"]


def _all_keys(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(_all_keys, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    return set(node.get("properties", {})).union(*map(_all_keys, node.values()))


KEYS = st.one_of(st.sampled_from(sorted(_all_keys(json_schema()))), st.text(max_size=5))
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=20,
)
TARGETS = st.fixed_dictionaries({"image": st.just("a"), "port": st.just(1)}, optional={"ready": NESTED, "cpus": NESTED})
ENDPOINTS = st.lists(
    st.one_of(
        st.just("GET /"),
        st.dictionaries(st.sampled_from(["path", "json", "values", "expect", "weight", "form", "headers"]), NESTED),
    ),
    min_size=1,
    max_size=3,
)


def complaints(path: Path, raw: bytes) -> tuple[Problem, ...]:
    path.write_bytes(raw)
    try:
        assert isinstance(load_scenario(path, {"A": "1"}), Scenario)
    except ScenarioError as error:
        return error.problems or (Problem("", 0, 0, "", ""),)
    return ()


def read(path: Path, raw: bytes) -> None:
    for problem in complaints(path, raw):
        assert min(problem.line, problem.column) >= 1
        assert problem.what
        assert problem.to_do
        assert "\n" not in str(problem)
        assert "pydantic" not in str(problem)


@FUZZ
@given(raw=st.binary(max_size=300))
def test_any_bytes(tmp_path: Path, raw: bytes) -> None:
    read(tmp_path / "s.yaml", raw)


@FUZZ
@given(parts=st.lists(st.one_of(st.sampled_from(PIECES.split("|")), st.text(max_size=3)), max_size=40))
def test_any_text_made_of_what_yaml_is_made_of(tmp_path: Path, parts: list[str]) -> None:
    read(tmp_path / "s.yaml", "".join(parts).encode("utf-8", errors="replace"))


@FUZZ
@given(document=st.dictionaries(st.one_of(st.sampled_from(SECTIONS), KEYS), NESTED, max_size=8))
def test_any_nested_structure(tmp_path: Path, document: object) -> None:
    read(tmp_path / "s.yaml", yaml.safe_dump(document, allow_unicode=True).encode("utf-8", errors="replace"))


@FUZZ
@given(
    document=st.fixed_dictionaries(
        {"target": TARGETS, "endpoints": ENDPOINTS},
        optional={"load": NESTED, "login": NESTED, "defaults": NESTED, "expect": NESTED},
    )
)
def test_a_scenario_with_something_odd_in_it(tmp_path: Path, document: object) -> None:
    read(tmp_path / "s.yaml", yaml.safe_dump(document, allow_unicode=True).encode("utf-8", errors="replace"))
