"""The numbers that matter most, and the run's settings and environment as people read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from harness.model.picture import Pictures
from harness.model.verdict import Verdict
from harness.report.html.rows import Row
from harness.report.projection import MILLION, Projection
from harness.units import format_duration, format_size


class Tile(NamedTuple):
    """A number that matters, and what it is."""

    number: str
    what: str


def basis_of(projection: Projection) -> str:
    """What growth and limits are told for."""
    if projection.production is not None:
        return f"at {projection.production.rate:,.6g} requests/s, shared by the endpoints' weights"
    return "for a million requests to the endpoint (production.rate in the scenario gives them by the day)"


def tiles_of(
    verdict: Verdict, rows: Sequence[Row], projection: Projection, pictures: Pictures | None
) -> Iterable[Tile]:
    yield from _growth(rows, projection)
    yield Tile(f"{sum(e.requests for e in verdict.endpoints):,}", "requests measured")
    took_s = max((curve.elapsed_s[-1] for curve in pictures.curves), default=0.0) if pictures else 0.0
    if took_s:
        yield Tile(format_duration(took_s), "from the first sample to the last")
    threshold_bytes, confidence = number_of(verdict, "threshold_bytes"), number_of(verdict, "confidence")
    if threshold_bytes:
        sure = f", {100 * confidence:.4g}% sure" if confidence else ""
        yield Tile(f"{format_size(threshold_bytes)}/request", f"is the smallest growth called a leak{sure}")


def _growth(rows: Sequence[Row], projection: Projection) -> Iterable[Tile]:
    """All leaks together in production, else the worst one."""
    growths = [row.growth_bytes for row in rows if row.growth_bytes]
    if not growths:
        return
    limit = format_size(projection.limit_bytes or 0)
    if projection.production:
        yield Tile(f"{format_size(sum(growths))} a day", f"kept {basis_of(projection)}")
        lasts, what = projection.lasts(sum(growths)), f"until the limit of {limit} is reached"
    else:
        yield Tile(format_size(max(growths)), f"kept of the worst endpoint's next {MILLION:,} requests")
        lasts, what = projection.lasts(max(growths)), f"to the worst endpoint fill the limit of {limit}"
    if lasts:
        yield Tile(lasts, what)


def number_of(verdict: Verdict, key: str) -> float | None:
    """A number above zero of the run's settings, where it is one."""
    schedule = verdict.environment.get("schedule")
    found = schedule.get(key) if isinstance(schedule, Mapping) else None
    return float(found) if isinstance(found, int | float) and found > 0 else None


def flat(found: Any) -> list[tuple[str, str]]:
    """A mapping of the record as lines; what is inside of a value as JSON."""
    if not isinstance(found, Mapping):
        return []
    return [_fact(str(key), value) for key, value in found.items() if value not in (None, "", [], {})]


def _fact(key: str, value: Any) -> tuple[str, str]:
    """Sizes and durations, which their names tell, with their units."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        for suffix, text in (("_bytes", format_size), ("_s", format_duration)):
            if key.endswith(suffix):
                return key.removesuffix(suffix).replace("_", " "), text(value)
    return key.replace("_", " "), _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    return json.dumps(value, ensure_ascii=False)
