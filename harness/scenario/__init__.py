"""Scenarios: YAML that people write, read into `harness.model.scenario.Scenario`."""

from harness.scenario.loading import load_scenario
from harness.scenario.problems import Problem, ScenarioError
from harness.scenario.schema import json_schema

__all__ = ["Problem", "ScenarioError", "json_schema", "load_scenario"]
