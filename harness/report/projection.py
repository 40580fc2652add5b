"""What a leak comes to where the app really runs: bytes a day, and how long the memory lasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from harness.model.picture import Dossier, Production
from harness.model.verdict import EndpointVerdict
from harness.report.wording import is_known
from harness.units import format_size

DAY_S: Final = 86_400.0
MILLION: Final = 1_000_000
_SPANS: Final = (("years", 365.25 * DAY_S), ("days", DAY_S), ("h", 3600.0), ("min", 60.0), ("s", 1.0))


@dataclass(frozen=True, slots=True)
class Projection:
    """`production` None: nobody said how much traffic there is, so it is told for a million requests instead.

    `free_bytes`: what lies between the memory used at rest and the limit; None where there is no limit.
    """

    production: Production | None
    limit_bytes: int | None
    free_bytes: float | None

    def growth_bytes(self, endpoint: EndpointVerdict, place: int) -> float | None:
        """Of a leaking endpoint, by its place in the verdict: bytes a day, or with a million requests to it."""
        if endpoint.verdict != "leak" or not is_known(endpoint.bytes_per_request):
            return None
        return endpoint.bytes_per_request * self._requests(place)

    def lasts(self, growth_bytes: float) -> str:
        """Until the limit is reached at that growth: a time, or a number of requests. Nothing without a limit."""
        if self.free_bytes is None or growth_bytes <= 0:
            return ""
        share = max(0.0, self.free_bytes) / growth_bytes
        return span(share * DAY_S) if self.production else f"{_three_digits(share * MILLION)} requests"

    def _requests(self, place: int) -> float:
        if self.production is None:
            return MILLION
        shares = self.production.shares
        return self.production.rate * DAY_S * (shares[place] if place < len(shares) else 0.0)


def projection_of(dossier: Dossier) -> Projection:
    """From the run's environment, which may be of another version, and from the memory used when it began."""
    environment = dossier.verdict.environment
    limit = _mapping(environment.get("target")).get("memory_limit_bytes")
    limit_bytes = limit if isinstance(limit, int) and limit > 0 else None
    used = dossier.pictures.curve("anon", "private_dirty", "rss") if dossier.pictures else None
    at_rest_bytes = used.levels[0] if used else 0.0
    return Projection(
        production=_production(_mapping(environment.get("schedule")), len(dossier.verdict.endpoints)),
        limit_bytes=limit_bytes,
        free_bytes=None if limit_bytes is None else limit_bytes - at_rest_bytes,
    )


def span(seconds: float) -> str:
    """A long time in the one unit that says most: "3.2 days"."""
    for unit, length_s in _SPANS:
        if seconds >= length_s:
            return f"{_three_digits(seconds / length_s)} {unit}"
    return "under 1 s"


def growth_text(growth_bytes: float | None) -> str:
    return "" if growth_bytes is None else format_size(growth_bytes)


def _production(schedule: dict[str, Any], endpoints: int) -> Production | None:
    try:
        found = Production.model_validate(schedule.get("production"))
    except ValidationError:
        return None
    return found if len(found.shares) == endpoints else None


def _mapping(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _three_digits(value: float) -> str:
    """About three significant digits, thousands apart: "3.2", "47", "48,300"."""
    if value < 9.95:
        return f"{value:.1f}".removesuffix(".0")
    digits = 10 ** max(0, len(str(int(value))) - 3)
    return f"{round(value / digits) * digits:,}"
