"""A campaign's folder is its whole state: `campaign.json` says what is planned, `runs/<slot>.<attempt>/` what was done.

An attempt's folder is made before its run starts, and `outcome.json` in it is written last, whole and synced to the
disk. What has none was cut off; it is kept, and its run is made again in a folder of its own. Nothing else is
remembered, so nothing can be forgotten.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from harness.errors import InputError, MeasureError
from harness.exit_codes import COULD_NOT_MEASURE, INTERRUPTED
from harness.history import RECORD, read_record, storage_error
from harness.model.base import Value
from harness.model.campaign import Attempt, CampaignPlan, CampaignRun, Outcome, RunState, Slot

PLAN: Final = "campaign.json"
OUTCOME: Final = "outcome.json"
RUNS: Final = "runs"
LOCK: Final = "lock"
_ATTEMPT: Final = re.compile(r"(.+)\.(\d{1,6})")


class CampaignFolder:
    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """For one process alone; the kernel lets go when that ends, however it ends. Raises MeasureError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / LOCK).open("a+")
        except OSError as error:
            raise storage_error(self.path, error) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                raise MeasureError(
                    f"{self.path}: process {file.read().strip() or 'unknown'} is at this campaign",
                    hint="wait for its end; to share a campaign, give each process its own --shard",
                ) from error
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    def write_plan(self, plan: CampaignPlan) -> None:
        """Raises StorageError."""
        write_whole(self.path / PLAN, plan)

    def plan(self) -> CampaignPlan:
        """Raises InputError where this is no campaign's folder."""
        file = self.path / PLAN
        try:
            return CampaignPlan.model_validate_json(file.read_bytes())
        except OSError as error:
            hint = "give the folder of a campaign, results/campaigns/<name>"
            raise InputError(f"{file}: {error.strerror or error}", hint=hint) from error
        except ValidationError as error:
            raise InputError(f"{file} is no plan of a campaign", hint="was it written by a later version?") from error

    def attempts_of(self, slot: Slot) -> list[Attempt]:
        """Those of one slot, the oldest first."""
        return self.attempts(f"{slot.id}.*").get(slot.id, [])

    def attempts(self, names: str = "*") -> dict[str, list[Attempt]]:
        """Every attempt by its slot's id, the oldest first; `names` is a pattern of their folders."""
        found: dict[str, list[Attempt]] = {}
        for path in (self.path / RUNS).glob(names) if (self.path / RUNS).is_dir() else ():
            if match := _ATTEMPT.fullmatch(path.name):
                attempt = Attempt(folder=path, number=int(match[2]), outcome=read_outcome(path))
                found.setdefault(match[1], []).append(attempt)
        return {slot: sorted(attempts, key=lambda each: each.number) for slot, attempts in found.items()}

    def claim(self, slot: Slot) -> Attempt:
        """Makes the folder of the slot's next attempt, which no other process can make too. Raises StorageError."""
        number = 1 + max((attempt.number for attempt in self.attempts_of(slot)), default=0)
        folder = self.path / RUNS / f"{slot.id}.{number}"
        try:
            (folder / "logs").mkdir(parents=True)
            _sync(folder.parent)
        except OSError as error:
            raise storage_error(folder, error) from error
        return Attempt(folder=folder, number=number)

    def runs(self, slots: Iterable[Slot], *, retries: int) -> tuple[CampaignRun, ...]:
        """What became of these slots. Raises InputError for a record that can't be read."""
        attempts = self.attempts()
        return tuple(run_of(slot, attempts.get(slot.id, []), retries) for slot in slots)


def run_of(slot: Slot, attempts: list[Attempt], retries: int) -> CampaignRun:
    """`waiting` also where a failed attempt may be made again, `unfinished` where one was cut off or still goes on."""
    measured = next((each for each in attempts if each.outcome and is_measured(each.outcome)), None)
    verdict = read_record(measured.folder) if measured else None
    return CampaignRun(slot=slot, state=_state(attempts, retries), attempts=tuple(attempts), verdict=verdict)


def _state(attempts: list[Attempt], retries: int) -> RunState:
    outcomes = [attempt.outcome for attempt in attempts if attempt.outcome]
    if any(is_measured(outcome) for outcome in outcomes):
        return "measured"
    failures = [outcome for outcome in outcomes if outcome.exit_code != INTERRUPTED]
    if len(failures) > retries or any(outcome.exit_code != COULD_NOT_MEASURE for outcome in failures):
        return "failed"
    return "waiting" if failures or not attempts else "unfinished"


def is_measured(outcome: Outcome) -> bool:
    """An answer stands; whatever it is, the run is not made again."""
    return not outcome.error and outcome.exit_code not in (INTERRUPTED, COULD_NOT_MEASURE)


def write_whole(file: Path, value: Value) -> None:
    """Whole or not at all, and on the disk when this returns. Raises StorageError."""
    draft = file.with_name(f".{file.name}.part")
    try:
        with draft.open("w", encoding="utf-8") as target:
            json.dump(value.model_dump(mode="json"), target, indent=1, ensure_ascii=False)
            target.flush()
            os.fsync(target.fileno())
        draft.replace(file)
        _sync(file.parent)
    except OSError as error:
        raise storage_error(file, error) from error


def _sync(folder: Path) -> None:
    """A new name is only on the disk when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_outcome(folder: Path) -> Outcome | None:
    """None for an attempt that was cut off; one that says "measured" without a record is worth nothing either."""
    try:
        outcome = Outcome.model_validate_json((folder / OUTCOME).read_bytes())
    except (OSError, ValidationError):
        return None
    return outcome if not is_measured(outcome) or (folder / RECORD).exists() else None
