"""The charts in words, for those who don't see them, and the units that both speak in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from harness.model.picture import Curve, CurveName, Pictures
from harness.units import format_duration, format_size

MEMORY: Final[dict[CurveName, str]] = {
    "php_heap": "PHP heaps",
    "anon": "Anonymous memory of the container",
    "private_dirty": "Private memory of the processes",
    "rss": "Resident memory of the processes",
}
COUNTS: Final[dict[CurveName, str]] = {
    "open_fds": "Open files",
    "coroutines": "Coroutines",
    "timers": "Timers",
    "resources": "Resources",
}
TITLES: Final = MEMORY | COUNTS
ROWS: Final = 9

_SIZES: Final = (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024))
_TIMES: Final = (("h", 3600.0, 3 * 3600.0), ("min", 60.0, 300.0))


class Unit(NamedTuple):
    name: str
    factor: float


class Caption(NamedTuple):
    """A chart's title, a sentence, and a few of its numbers, the first column the time."""

    title: str
    sentence: str
    columns: tuple[str, ...] = ()
    numbers: tuple[tuple[str, ...], ...] = ()


def size_unit(largest_bytes: float) -> Unit:
    return next((Unit(name, factor) for name, factor in _SIZES if abs(largest_bytes) >= factor), Unit("B", 1.0))


def time_unit(longest_s: float) -> Unit:
    found = (Unit(name, factor) for name, factor, least_s in _TIMES if longest_s >= least_s)
    return next(found, Unit("s", 1.0))


def resident_curve(pictures: Pictures) -> Curve | None:
    """What the whole target takes, as exactly as it is known."""
    return pictures.curve("anon", "private_dirty", "rss")


def memory_curves(pictures: Pictures) -> list[Curve]:
    return [curve for curve in (pictures.curve("php_heap"), resident_curve(pictures)) if curve]


def count_curves(pictures: Pictures) -> list[Curve]:
    return [curve for curve in pictures.curves if curve.name in COUNTS]


def missing_channels(pictures: Pictures) -> list[str]:
    """Those that this run could not read, or that the target has none of."""
    known = {curve.name for curve in pictures.curves}
    missing = [title for name, title in COUNTS.items() if name not in known]
    return missing if "php_heap" in known else [MEMORY["php_heap"], *missing]


def memory_caption(pictures: Pictures) -> Caption:
    curves = memory_curves(pictures)
    return Caption("Memory over time", " ".join(_told(curve) for curve in curves), *_table(curves))


def channel_caption(curve: Curve) -> Caption:
    return Caption(TITLES[curve.name], _told(curve), *_table([curve]))


def _told(curve: Curve) -> str:
    first, last, highest = curve.levels[0], curve.levels[-1], max(curve.levels)
    to = "all the time" if first == last == highest else f"at first, {_level(curve, last)} at the end"
    peak = f", {_level(curve, highest)} at most" if highest > max(first, last) else ""
    return f"{TITLES[curve.name]}: {_level(curve, first)} {to}{peak}."


def _table(curves: Sequence[Curve]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Levels at a few times, each the last one known by then."""
    begin_s = min(curve.elapsed_s[0] for curve in curves)
    end_s = max(curve.elapsed_s[-1] for curve in curves)
    rows = tuple(
        (format_duration(round(at_s, 1)), *(_level_at(curve, at_s) for curve in curves))
        for at_s in np.linspace(begin_s, end_s, ROWS).tolist()
    )
    return ("Time", *(TITLES[curve.name] for curve in curves)), rows


def _level_at(curve: Curve, at_s: float) -> str:
    place = int(np.searchsorted(curve.elapsed_s, at_s, side="right")) - 1
    return _level(curve, curve.levels[place]) if place >= 0 else "–"


def _level(curve: Curve, level: float) -> str:
    return format_size(level) if curve.name in MEMORY else f"{level:,.0f}"
