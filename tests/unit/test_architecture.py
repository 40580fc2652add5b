"""The shape of the program, as far as a machine can guard it."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from importlinter.application.use_cases import lint_imports
from importlinter.configuration import configure

ROOT = Path(__file__).resolve().parents[2]
HARNESS = ROOT / "harness"
SOURCES = sorted(HARNESS.rglob("*.py"))
# About three hundred lines: what is longer does more than one thing.
LONGEST_FILE = 310
PURE = {
    "__future__",
    "collections",
    "dataclasses",
    "itertools",
    "math",
    "operator",
    "typing",
    "numpy",
    "scipy",
    "ruptures",
    "harness",
}


def contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return list(settings["tool"]["importlinter"]["contracts"])


def imported(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def named(path: Path) -> str:
    return str(path.relative_to(HARNESS))


def test_imports_go_in_the_directions_of_the_design(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT)
    configure()
    kept = lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None, no_logo=True)
    said = capsys.readouterr().out
    assert kept, said
    assert f"{len(contracts())} kept, 0 broken" in said


def test_every_module_has_its_place_in_the_pipeline() -> None:
    (layers,) = (contract["layers"] for contract in contracts() if contract["name"] == "the pipeline goes one way")
    placed = {module.strip() for layer in layers for module in layer.split(":")}
    modules = {f"harness.{source.relative_to(HARNESS).parts[0].removesuffix('.py')}" for source in SOURCES}
    assert modules - {"harness.__init__"} <= placed


def test_every_adapter_is_kept_from_the_others() -> None:
    (layers,) = (contract["layers"] for contract in contracts() if contract["name"] == "the pipeline goes one way")
    (apart,) = (contract["modules"] for contract in contracts() if contract["type"] == "independence")
    adapters = next(layer for layer in layers if "harness.target" in layer)
    assert {module.strip() for module in adapters.split(":")} == set(apart)


def test_only_the_locustfile_imports_locust() -> None:
    guilty = {named(source) for source in SOURCES if any(name.split(".")[0] == "locust" for name in imported(source))}
    assert guilty == {"load/locustfile.py"}


@pytest.mark.parametrize("source", sorted((HARNESS / "analysis").glob("*.py")), ids=named)
def test_the_analysis_touches_no_file_and_no_clock(source: Path) -> None:
    assert {name.split(".")[0] for name in imported(source)} <= PURE
    inside = {name for name in imported(source) if name.startswith("harness.")}
    assert all(name.startswith(("harness.analysis.", "harness.model.")) for name in inside)


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_files_are_short(source: Path) -> None:
    assert len(source.read_text().splitlines()) <= LONGEST_FILE
