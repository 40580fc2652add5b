"""The schema that editors read beside the scenarios, and the line in each scenario that leads them to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from harness.scenario import json_schema

SCENARIOS = Path(__file__).resolve().parents[3] / "scenarios"
SCHEMA = SCENARIOS / "scenario.schema.json"
FILES = sorted(SCENARIOS.glob("*.yaml"))


def schema() -> Any:
    return json.loads(SCHEMA.read_text())


def test_the_file_is_what_hyperleak_schema_prints() -> None:
    assert schema() == json.loads(json.dumps(json_schema())), "write it anew: hyperleak schema > scenarios/…"


def test_it_is_a_schema_by_its_metaschema() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_scenario_leads_editors_to_it_and_agrees_with_it(file: Path) -> None:
    assert file.read_text().startswith("# yaml-language-server: $schema=scenario.schema.json\n")
    Draft202012Validator(schema()).validate(yaml.safe_load(file.read_text()))
