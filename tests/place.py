"""A place for a test's runs: their scenarios, results and temporary files, and whether anything else is left."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.command import ROOT

MARK = "HYPERLEAK_TEST_MARK"
SERVER = ROOT / "compose/resident/server.php"
# As short as a run can be that still decides about a leak.
SHORT_LOAD = {"rate": "1000/s", "users": 4, "window": "60ms", "budget": "3s", "warmup": 20, "confirm": 200}
SHORT_SCREENING = {"requests": 40, "budget": "2s"}
LEAK, CLEAN = "GET /static?bytes=512", "GET /clean"


class Place:
    """`name` is in everything that the runs of this place start; `environment` marks their processes."""

    def __init__(self, folder: Path) -> None:
        self.name = f"test-{secrets.token_hex(4)}"
        self.results = folder / "results"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self._folder = folder
        self.environment = os.environ | {MARK: self.name, "TMPDIR": str(self.temporary)}

    def scenario(self, target: Mapping[str, Any], *endpoints: Any, **more: Any) -> Path:
        """A short scenario on this target; `load` and other sections are merged into or set beside the short ones."""
        document = {
            "name": self.name,
            "target": {"ready": {"path": "/health", "timeout": "30s"}, **target},
            "load": SHORT_LOAD | more.pop("load", {}),
            "screening": SHORT_SCREENING,
            "endpoints": list(endpoints) or [LEAK, CLEAN],
            **more,
        }
        file = self._folder / f"{secrets.token_hex(4)}.yaml"
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        return file

    def folders(self) -> list[Path]:
        """The folders of this place's runs, the oldest first."""
        return sorted((self.results / self.name).glob("*"), key=lambda folder: folder.stat().st_mtime_ns)

    def left(self) -> list[str]:
        """Files outside of the results folder, and processes, that the runs of this place left."""
        files = [str(path) for path in self.temporary.iterdir()]
        return files + [f"process {pid}" for pid in _pids() if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        """By the mark in its environment; PHP, which overwrites that, by the files that it has open."""
        try:
            if f"{MARK}={self.name}".encode() in Path(f"/proc/{pid}/environ").read_bytes():
                return True
            opened = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            return False
        return any(file.startswith(str(self.results)) for file in opened)


def local(**environment: Any) -> dict[str, Any]:
    """The resident app as processes of this machine."""
    return {"command": ["php", str(SERVER)], "port": 0, "environment": {"WORKERS": 2} | environment}


def _pids() -> list[int]:
    return [
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and int(entry.name) != os.getpid()
    ]
