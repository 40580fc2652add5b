"""The endpoints as the page's table and its picture of growth show them, the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.model.verdict import EndpointVerdict
from harness.report.projection import Projection, growth_text
from harness.report.wording import CHANNELS, WORST_FIRST, is_known, limits, number, size_of

# What a whole bar of the table stands for where nothing grows at all.
SMALLEST_SCALE_BYTES: Final = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint; `at` is its place in the verdict, `colour` that of its windows in the picture of the memory.

    `slope`, `low`, `high` are bytes a request, None where nothing limits the estimate. `bar` has the same three in per
    cent of the table's scale. `growth` and `lasts` tell the production, or a million requests.
    """

    at: int
    endpoint: EndpointVerdict
    slope: float | None
    low: float | None
    high: float | None
    growth_bytes: float | None
    lasts: str
    bar: tuple[float, float, float] | None
    colour: int | None

    @property
    def name(self) -> str:
        return self.endpoint.name

    @property
    def size(self) -> str:
        return number(self.endpoint.bytes_per_request)

    @property
    def limits(self) -> str:
        return limits(self.endpoint)

    @property
    def growth(self) -> str:
        return growth_text(self.growth_bytes)

    @property
    def sentence(self) -> str:
        """What the picture of its growth shows, for those who don't see it."""
        said = f"{self.endpoint.verdict}: "
        if self.slope is None:
            return f"{said}nothing could be estimated from {self.endpoint.requests:,} requests."
        said += f"{size_of(self.slope)} a request"
        if self.low is not None and self.high is not None:
            said += f" (95% limits {number(self.low)} to {number(self.high)})"
        said += f", from {self.endpoint.requests:,} requests, in {CHANNELS[self.endpoint.channel]}."
        return said + self._alone() + self._redrawn()

    def _alone(self) -> str:
        screened = self.endpoint.screened
        if screened is None:
            return ""
        kept = size_of(screened.typical_bytes_per_request)
        return f" One request at a time, a typical one of {screened.requests:,} kept {kept}."

    def _redrawn(self) -> str:
        p_value = self.endpoint.randomisation_p_value
        return "" if p_value is None else f" Randomisation test of the windows' order: p {p_value:.2g}."


def rows_of(endpoints: Sequence[EndpointVerdict], projection: Projection, colours: Mapping[int, int]) -> list[Row]:
    """A row for each, the worst first."""
    scale = max((e.ci95[1] for e in endpoints if is_known(e.ci95[1])), default=0.0)
    rows = [
        _row(at, endpoint, projection, max(scale, SMALLEST_SCALE_BYTES), colours.get(at))
        for at, endpoint in enumerate(endpoints)
    ]
    return sorted(rows, key=lambda row: (WORST_FIRST.index(row.endpoint.verdict), -row.endpoint.bytes_per_request))


def _row(at: int, endpoint: EndpointVerdict, projection: Projection, scale: float, colour: int | None) -> Row:
    slope, low, high = (value if is_known(value) else None for value in (endpoint.bytes_per_request, *endpoint.ci95))
    if low is None or high is None:
        low = high = None
    growth_bytes = projection.growth_bytes(endpoint, at)
    return Row(
        at=at,
        endpoint=endpoint,
        slope=slope if low is not None else None,
        low=low,
        high=high,
        growth_bytes=growth_bytes,
        lasts=projection.lasts(growth_bytes) if growth_bytes else "",
        bar=None if slope is None or low is None or high is None else _bar(low, slope, high, scale),
        colour=colour,
    )


def _bar(low: float, slope: float, high: float, scale: float) -> tuple[float, float, float]:
    begin, middle, end = (round(100 * min(1.0, max(0.0, value / scale)), 1) for value in (low, slope, high))
    return begin, middle, end
