"""What the tools wrote of the resident app's leaks, kept in tests/data/diagnose, trimmed."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.command import ROOT

DATA = ROOT / "tests/data/diagnose"
# Between the two targets of every recording.
XHPROF_REQUESTS = 40
MEMCHECK_REQUESTS = 20


def recorded(folder: Path, source: str, name: str) -> list[Path]:
    """The recording as the only file of a part, named as the tool names it."""
    folder.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copyfile(DATA / source, folder / name))]
