"""The results folder as a database: `<scenario>/<utc>-<rev>-<id>/` with samples.jsonl and record.json."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.errors import InputError, StorageError
from harness.model.diagnosis import Diagnosis
from harness.model.verdict import Naming, Verdict

SAMPLES = "samples.jsonl"
RECORD = "record.json"
SCREENING = "screen.jsonl"
NAMES = "names.json"
SCENARIO = "scenario.yaml"
DIAGNOSIS = "diagnosis.json"
DIAGNOSIS_FILES = "diagnosis"
PAGE = "report.html"
NO_REVISION = "norev"

_NAMES = TypeAdapter(dict[str, Naming])


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where one run keeps everything; `run_id` is also the label of all that the run starts."""

    path: Path
    run_id: str

    @property
    def samples(self) -> Path:
        return self.path / SAMPLES

    @property
    def screening(self) -> Path:
        return self.path / SCREENING

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def keep_scenario(self, source: Path) -> None:
        """A copy of the scenario as it is written, its variables not filled in. Raises StorageError."""
        try:
            if source.is_file():
                shutil.copyfile(source, self.path / SCENARIO)
        except OSError as error:
            raise storage_error(self.path / SCENARIO, error) from error

    def write_record(self, verdict: Verdict) -> None:
        """Writes record.json whole or not at all. Raises StorageError."""
        self._write(RECORD, verdict.model_dump(mode="json"))

    def write_names(self, names: Mapping[str, Naming]) -> None:
        """Keeps what the censuses named, by endpoint, which samples can't tell again. Raises StorageError."""
        self._write(NAMES, {name: naming.model_dump(mode="json") for name, naming in names.items()})

    @property
    def diagnosis(self) -> Path:
        """The outside tools' own files."""
        return self.path / DIAGNOSIS_FILES

    def write_diagnosis(self, diagnosis: Diagnosis) -> None:
        """Keeps what outside tools said, whole or not at all. Raises StorageError."""
        self._write(DIAGNOSIS, diagnosis.model_dump(mode="json"))

    def _write(self, name: str, document: object) -> None:
        target, draft = self.path / name, self.path / f".{name}.part"
        try:
            draft.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            draft.replace(target)
        except OSError as error:
            raise storage_error(target, error) from error


def new_run(results: Path, scenario: str, source: Path, now: datetime | None = None) -> RunFolder:
    """Makes the folder of a new run of `scenario`, named by time, the revision of `source` and a random id."""
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    identity = secrets.token_hex(3)
    folder = results / scenario / f"{stamp}-{revision(source)}-{identity}"
    try:
        (folder / "logs").mkdir(parents=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    return RunFolder(folder.resolve(), f"{scenario}-{stamp.lower()}-{identity}")


def revision(source: Path) -> str:
    """Short commit of the checkout that holds `source`, "norev" where there is none."""
    directory = source if source.is_dir() else source.parent
    command = ["git", "-C", str(directory), "rev-parse", "--short", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return NO_REVISION
    return found.stdout.strip() if found.returncode == 0 else NO_REVISION


def read_names(folder: Path) -> dict[str, Naming]:
    """What the censuses of a run named, by endpoint; nothing where there were none. Raises InputError."""
    file = folder / NAMES
    if not file.exists():
        return {}
    try:
        return _NAMES.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(f"{file} can't be read: {error}", hint="remove it to analyse the samples alone") from error


def read_diagnosis(folder: Path) -> Diagnosis | None:
    """What outside tools said of a run; None where none was asked. Raises InputError."""
    file = folder / DIAGNOSIS
    if not file.exists():
        return None
    try:
        return Diagnosis.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(f"{file} can't be read: {error}", hint="remove it and ask the tools again") from error


def read_record(path: Path) -> Verdict:
    """The verdict of a run folder or a record file. Raises InputError."""
    file = path / RECORD if path.is_dir() else path
    try:
        return Verdict.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}", hint="give a run folder or its record.json") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise InputError(f"{file}: {where}: {first['msg']}", hint="is it a record of hyperleak?") from error


def storage_error(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path}: {error.strerror or error}", hint="free some space or choose another folder with --results"
    )
