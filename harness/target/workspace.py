"""Temporary folders that say whose they are, so that `hyperleak gc` can tell a dead run's from a live one's."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness.target.labels import Owner, RunLabels, this_process

OWNER_FILE = "owner.json"
_PREFIX = "hyperleak-"


@dataclass(frozen=True)
class OwnedFolder:
    """A folder that a run made; `log` is the file that its local processes write to."""

    path: Path
    run_id: str
    owner: Owner
    log: Path | None = None

    def remove(self) -> None:
        shutil.rmtree(self.path)


def make_workspace(run: RunLabels) -> Path:
    """A new folder `hyperleak-<run id>-…` among the temporary files, readable by this user alone."""
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{run.slug}-"))
    mark_owner(folder, run)
    return folder


def mark_owner(folder: Path, run: RunLabels, *, log: Path | None = None) -> None:
    """Writes whose the folder is; `gc` only ever removes folders that carry this mark of a dead process."""
    mark = {"run_id": run.run_id, "owner": str(this_process()), "log": str(log) if log else None}
    (folder / OWNER_FILE).write_text(json.dumps(mark), encoding="utf-8")


def read_owner(folder: Path) -> OwnedFolder | None:
    """Whose the folder is, or None where it carries no mark of ours."""
    try:
        mark = json.loads((folder / OWNER_FILE).read_text(encoding="utf-8"))
        owner = Owner.parse(mark["owner"])
        log = Path(mark["log"]) if mark.get("log") else None
        return OwnedFolder(folder, str(mark["run_id"]), owner, log) if owner else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def workspaces() -> list[OwnedFolder]:
    """Every temporary folder of a run on this machine, alive or not."""
    found = (read_owner(path) for path in sorted(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")))
    return [folder for folder in found if folder]
