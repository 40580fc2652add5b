"""The folder of one search: its progress after each measurement, so that it can go on after whatever ended it."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from harness.history import storage_error
from harness.model.base import Value
from harness.model.bisection import Bisection, Progress, Search
from harness.model.scenario import Scenario
from harness.target.workspace import read_owner

FOLDER = "bisections"
_PROGRESS, _RESULT, _LOG = "progress.json", "bisection.json", "bisect.log"


@dataclass(frozen=True)
class SearchFolder:
    """`results/bisections/<scenario>-<utc>-<id>/`."""

    path: Path

    @property
    def runs(self) -> Path:
        """The results folder of the search's own runs: they are no part of the scenario's history."""
        return self.path / "runs"

    def run_ids(self) -> set[str]:
        """What marks everything that was started for the search: by its own name, and by those of its runs."""
        owners = (read_owner(folder) for folder in self.runs.glob("*/*"))
        return {self.path.name, *(owner.run_id for owner in owners if owner)}

    def keep(self, progress: Progress) -> None:
        """Whole or not at all. Raises StorageError."""
        self._write(_PROGRESS, progress)

    def keep_result(self, result: Bisection) -> None:
        self._write(_RESULT, result)
        self.log.write_text(result.log, encoding="utf-8")

    @property
    def log(self) -> Path:
        """What `git bisect replay` takes."""
        return self.path / _LOG

    def _write(self, name: str, value: Value) -> None:
        target, draft = self.path / name, self.path / f".{name}.part"
        try:
            draft.write_text(value.model_dump_json(indent=2) + "\n", encoding="utf-8")
            draft.replace(target)
        except OSError as error:
            raise storage_error(target, error) from error


def new_folder(results: Path, scenario: str, source: Path) -> SearchFolder:
    """With a copy of the scenario's `source`. Raises StorageError."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = results / FOLDER / f"{scenario}-{stamp}-{secrets.token_hex(3)}"
    try:
        (folder / "runs").mkdir(parents=True)
        shutil.copyfile(source, folder / "scenario.yaml")
    except OSError as error:
        raise storage_error(folder, error) from error
    return SearchFolder(folder.resolve())


def unfinished(results: Path, search: Search) -> tuple[SearchFolder, Progress] | None:
    """The newest search for the same that didn't come to its end."""
    same = (found for found in _searches(results) if found[1].search == search and not found[1].finished)
    return max(same, key=lambda found: (found[0].path / _PROGRESS).stat().st_mtime_ns, default=None)


def digest_of(scenario: Scenario, tree: Path) -> str:
    """Tells a scenario from one whose measurements can't be compared; where the worktree is makes no difference."""
    text = scenario.model_dump_json().replace(str(tree), "")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _searches(results: Path) -> Iterator[tuple[SearchFolder, Progress]]:
    for file in (results / FOLDER).glob(f"*/{_PROGRESS}"):
        try:
            yield SearchFolder(file.parent.resolve()), Progress.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):
            continue  # of another version, or half written by hand: nothing that could go on
