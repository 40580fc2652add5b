"""Steps found in a series are not looked for again: they are kept by the series itself, so always the right ones."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import TypeAdapter, ValidationError

from harness.analysis.changes import Step, find_steps

KEPT: Final = ".steps.json"
# Another number here makes everything be looked for anew.
METHOD_VERSION: Final = 1

_KEPT: TypeAdapter[dict[str, list[Step]]] = TypeAdapter(dict[str, list[Step]])


class FoundSteps:
    """The steps of a scenario's series, read from and kept in its folder, as far as that can be written."""

    def __init__(self, folder: Path, *, smallest: float, level: float) -> None:
        self._file = folder / KEPT
        self._smallest, self._level = smallest, level
        self._before = self._read()
        self._now: dict[str, list[Step]] = {}

    def find(self, values: Sequence[float], errors: Sequence[float]) -> list[Step]:
        """See `find_steps`."""
        series = np.array([values, errors], dtype=float)
        settings = f"{METHOD_VERSION} {self._smallest} {self._level} "
        key = sha256(settings.encode() + series.tobytes()).hexdigest()
        found = self._before.get(key)
        if found is None:
            found = find_steps(values, errors, smallest=self._smallest, level=self._level)
        self._now[key] = found
        return found

    def keep(self) -> None:
        """Keeps what was asked for this time."""
        if self._now == self._before:
            return
        draft = self._file.with_name(f"{KEPT}.part")
        with suppress(OSError):
            draft.write_bytes(_KEPT.dump_json(self._now))
            draft.replace(self._file)

    def _read(self) -> dict[str, list[Step]]:
        with suppress(OSError, ValidationError):
            return _KEPT.validate_json(self._file.read_bytes())
        return {}
