"""What the competitors read: a container's resident memory over time, and the requests that went by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Series:
    """n readings: `elapsed_s` (n,), `resident_bytes` (n,), `requests` (n, p) so far of each endpoint."""

    elapsed_s: Floats
    resident_bytes: Floats
    requests: Floats

    def __len__(self) -> int:
        return len(self.elapsed_s)

    @property
    def seconds(self) -> float:
        return float(self.elapsed_s[-1] - self.elapsed_s[0]) if len(self) else 0.0

    @property
    def sent(self) -> float:
        """Requests of all endpoints, from the first reading to the last."""
        return float((self.requests[-1] - self.requests[0]).sum()) if len(self) else 0.0

    @property
    def requests_per_s(self) -> float:
        return self.sent / self.seconds if self.seconds else 0.0

    def until(self, elapsed_s: float) -> Series:
        kept = self.elapsed_s <= elapsed_s
        return Series(self.elapsed_s[kept], self.resident_bytes[kept], self.requests[kept])


@dataclass(frozen=True, slots=True)
class RivalRecordings:
    """One app recorded as each competitor needs it, each in as much time as ours had.

    `mix`: all endpoints together, their shares constant. `alone[e]`: endpoint e by itself, an equal part of the time.
    `before[e]`: the same of the app before it leaked, which Precog learns from.
    """

    mix: Series
    alone: tuple[Series, ...]
    before: tuple[Series, ...]
    memory_limit_bytes: float
