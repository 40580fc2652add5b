"""What a report's pictures are drawn from: levels over time, what was driven when, growth against requests."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness.model.base import Value
from harness.model.diagnosis import Diagnosis
from harness.model.samples import WindowKind
from harness.model.verdict import Verdict

CurveName = Literal[
    "php_heap", "anon", "private_dirty", "rss", "open_fds", "coroutines", "timers", "resources"
]  # fmt: skip


class Curve(Value):
    """One channel over the run, over all processes: bytes, or how many there are of a thing; thinned out if long."""

    name: CurveName
    elapsed_s: tuple[float, ...]
    levels: tuple[float, ...]


class Band(Value):
    """Windows in a row that drove the same endpoint: its place in the verdict; None for none, or several at once.

    `kept_bytes` is what the run's first channel grew by in it, None where that isn't known.
    """

    start_s: float
    end_s: float
    endpoint: int | None
    kind: WindowKind
    requests: int
    kept_bytes: float | None = None


class Growth(Value):
    """One endpoint's requests and what it kept, both added up over the windows that its verdict stands on.

    Of windows that drove others too, what those keep by their own verdicts is taken off.
    """

    requests: tuple[int, ...] = ()
    kept_bytes: tuple[float, ...] = ()


class Pictures(Value):
    """`growths` has one for each endpoint of the verdict. `screened`: one request at a time, without any load."""

    curves: tuple[Curve, ...] = ()
    bands: tuple[Band, ...] = ()
    growths: tuple[Growth, ...] = ()
    screened: bool = False

    def curve(self, *names: CurveName) -> Curve | None:
        """The first of these that there is."""
        found = {curve.name: curve for curve in self.curves}
        return next((found[name] for name in names if name in found), None)


class Production(Value):
    """The traffic that a leak's days are told for: requests/s, and each endpoint's share of them by its place."""

    rate: float = Field(gt=0)
    shares: tuple[float, ...] = ()


class Dossier(Value):
    """All that is known of a run. `pictures` None: its samples are gone. `scenario`: the YAML as it was written.

    `diagnosis` None: no outside tool was asked.
    """

    verdict: Verdict
    diagnosis: Diagnosis | None = None
    pictures: Pictures | None = None
    scenario: str = ""
