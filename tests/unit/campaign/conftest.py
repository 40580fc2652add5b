"""Campaigns of runs that only seem to be made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import campaigning
from tests.command import Finished, hyperleak

FAKE = Path(__file__).with_name("fake_run.py")


class Desk:
    """A folder with a campaign file `c.yaml` and its scenarios; `made` lists the attempts that were really begun."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results"
        self.file = folder / "c.yaml"
        self._made = folder / "made"

    def scenario(self, name: str, **more: Any) -> str:
        document = {"name": name, "target": {"image": "app:1", "port": 80}, "endpoints": ["GET /a"], **more}
        (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(document))
        return f"{name}.yaml"

    def campaign(self, *scenarios: str, **more: Any) -> Path:
        document = {"name": "nightly", "scenarios": [self.scenario(name) for name in scenarios or ("shop",)], **more}
        self.file.write_text(yaml.safe_dump(document, sort_keys=False))
        return self.file

    def run(self, *options: object) -> Finished:
        return hyperleak("campaign", self.file, "--results", self.results, *options)

    def made(self) -> list[str]:
        return [line.split()[0] for line in self.lines()]

    def lines(self) -> list[str]:
        return self._made.read_text().splitlines() if self._made.exists() else []

    def at(self, name: str = "nightly") -> Path:
        return self.results / "campaigns" / name


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(campaigning, "PROGRAM", (sys.executable, "-I", str(FAKE)))
    monkeypatch.setenv("MADE", str(tmp_path / "made"))
    return Desk(tmp_path)


def behaving(**behaviours: str) -> dict[str, Any]:
    """Variants by name, each with what its runs do."""
    return {name: {"variables": {"BEHAVIOUR": behaviour}} for name, behaviour in behaviours.items()}
