"""A folder with a scenario in it, and what an author sees when it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness.model.scenario import Scenario
from harness.scenario import ScenarioError, load_scenario

Load = Callable[..., Scenario]
Complain = Callable[..., list[str]]

MINIMAL = "target: {image: app, port: 80}\nendpoints: [GET /]\n"


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Writes the text to a file and reads it."""

    def run(text: str, environment: Mapping[str, str] | None = None, name: str = "scenario.yaml") -> Scenario:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return load_scenario(path, environment or {})

    return run


@pytest.fixture
def complain(load: Load, tmp_path: Path) -> Complain:
    """The mistakes of a text as `line:column: what; what to do`; in other files with their name before it."""

    def run(text: str, environment: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ScenarioError) as caught:
            load(text, environment)
        assert caught.value.exit_code == 2
        assert str(caught.value).startswith("\n".join(map(str, caught.value.problems)))
        folder = f"{tmp_path}/"
        return [str(p).removeprefix(f"{folder}scenario.yaml:").removeprefix(folder) for p in caught.value.problems]

    return run


@pytest.fixture
def endpoint(load: Load) -> Load:
    """Reads the lines of one endpoint (indented by the reader) in an otherwise complete scenario."""

    def run(lines: str, environment: Mapping[str, str] | None = None) -> Scenario:
        return load(f"target: {{image: app, port: 80}}\nendpoints:\n  - {lines}\n", environment)

    return run
