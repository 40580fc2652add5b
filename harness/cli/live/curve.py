"""A curve of any length in a bounded number of points, and as a line of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

MOST_POINTS: Final = 512
_BARS: Final = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Curve:
    """The whole course of a quantity: every `every`-th value, its `first` and the `last` one."""

    points: tuple[float, ...] = ()
    every: int = 1
    count: int = 0
    last: float = 0.0

    @property
    def first(self) -> float:
        return self.points[0] if self.points else 0.0

    @property
    def growth(self) -> float:
        return self.last - self.first

    def with_value(self, value: float) -> Curve:
        """The curve with one value more; when it has too many points, every second one goes."""
        points = (*self.points, value) if self.count % self.every == 0 else self.points
        if len(points) <= MOST_POINTS:
            return Curve(points, self.every, self.count + 1, value)
        return Curve(points[::2], self.every * 2, self.count + 1, value)


NO_CURVE: Final = Curve()


def sparkline(values: Sequence[float], width: int) -> str:
    """The values in at most `width` characters, the lowest as the lowest bar; every character a mean of its values."""
    means = _means(values, width)
    if not means:
        return ""
    low, span = min(means), max(means) - min(means)
    top = len(_BARS) - 1
    return "".join(_BARS[round((mean - low) / span * top) if span else 0] for mean in means)


def _means(values: Sequence[float], width: int) -> list[float]:
    """Means of `width` parts of nearly the same length; the values themselves where they are fewer."""
    parts = min(width, len(values))
    bounds = [part * len(values) // parts for part in range(parts + 1)] if parts > 0 else []
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(bounds)]
