"""What the page tells, in its order and in words; the template only lays it out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, NamedTuple

from harness.model.picture import Dossier, Pictures
from harness.model.samples import Event
from harness.model.verdict import EndpointVerdict, Holder, Verdict
from harness.report.html.advice import Said, lead_of, next_step, title_of
from harness.report.html.facts import Tile, basis_of, flat, number_of, tiles_of
from harness.report.html.rows import Row, rows_of
from harness.report.projection import Projection, projection_of
from harness.report.wording import (
    CAUSES,
    CHANNELS,
    WORST_FIRST,
    endpoint_remarks,
    leaks,
    place,
    run_remarks,
    scenario_of,
    share,
    size_of,
    worst_first,
)

# So many endpoints have a colour of their own in the picture of the memory; the others share one.
COLOURED: Final = 6
MOST_EVENTS: Final = 200
MOST_HELD: Final = 50
MOST_REMARKS: Final = 100
COUNTS: Final = {
    "open_fds": "open file(s)",
    "coroutines": "coroutine(s)",
    "timers": "timer(s)",
    "resources": "resource(s)",
}
LEAST_COUNTED: Final = 0.01


class Held(NamedTuple):
    """A leaking endpoint, where its memory goes, and each holder with its place and share."""

    endpoint: EndpointVerdict
    size: str
    channel: str
    cause: str
    counts: str
    holders: tuple[tuple[Holder, str, str], ...]


@dataclass(frozen=True)
class Story:
    """`basis` says what `growth` and `lasts` of the rows are told for, `notes` (endpoint, remark) what else to know."""

    verdict: Verdict
    pictures: Pictures | None
    projection: Projection
    rows: tuple[Row, ...]
    scenario: str

    @property
    def title(self) -> str:
        return title_of(self.verdict)

    @property
    def lead(self) -> list[Said]:
        return lead_of(self.verdict)

    @property
    def next_step(self) -> list[Said]:
        return next_step(self.verdict)

    @property
    def scenario_name(self) -> str:
        return scenario_of(self.verdict.run_id)

    @property
    def counts(self) -> list[tuple[str, int]]:
        """How many endpoints have each verdict, the worst first."""
        found = Counter(row.endpoint.verdict for row in self.rows)
        return [(verdict, found[verdict]) for verdict in WORST_FIRST if found[verdict]]

    @property
    def growth_title(self) -> str:
        return "per day" if self.projection.production else "per million"

    @property
    def basis(self) -> str:
        return basis_of(self.projection)

    @property
    def events(self) -> tuple[Event, ...]:
        return self.verdict.events[:MOST_EVENTS]

    @property
    def legend(self) -> list[Row]:
        """The endpoints with a colour of their own that was driven by itself."""
        driven = {band.endpoint for band in self.pictures.bands} if self.pictures else set()
        return [row for row in self.rows if row.colour is not None and row.at in driven]

    @property
    def shares_a_colour(self) -> bool:
        own = {row.at for row in self.rows if row.colour is not None}
        return (
            any(band.requests and band.endpoint not in own for band in self.pictures.bands) if self.pictures else False
        )

    @property
    def held(self) -> list[Held]:
        """The worst leaks of which a holder or at least the cause is known."""
        return [_held(endpoint) for endpoint in self._known[:MOST_HELD]]

    @property
    def more_held(self) -> int:
        return max(0, len(self._known) - MOST_HELD)

    @property
    def unknown(self) -> int:
        """How many leaks nothing more is known of."""
        return len(leaks(self.verdict)) - len(self._known)

    @property
    def _known(self) -> list[EndpointVerdict]:
        return [e for e in leaks(self.verdict) if e.holders or e.cause != "unknown"]

    @property
    def remarks(self) -> list[tuple[str, str]]:
        """Of the whole run, then of endpoints by their names."""
        return self._all_remarks[:MOST_REMARKS]

    @property
    def more_remarks(self) -> int:
        return max(0, len(self._all_remarks) - MOST_REMARKS)

    @property
    def _all_remarks(self) -> list[tuple[str, str]]:
        said = [(e.name, remark) for e in worst_first(self.verdict.endpoints) for remark in endpoint_remarks(e)]
        return [("", remark) for remark in run_remarks(self.verdict)] + said

    @property
    def tiles(self) -> list[Tile]:
        return list(tiles_of(self.verdict, self.rows, self.projection, self.pictures))

    @property
    def schedule(self) -> list[tuple[str, str]]:
        production = self.projection.production
        said = [(key, value) for key, value in flat(self.verdict.environment.get("schedule")) if key != "production"]
        return [*said, ("production", f"{production.rate:,.6g} requests/s")] if production else said

    @property
    def environment(self) -> list[tuple[str, str]]:
        others = {key: value for key, value in self.verdict.environment.items() if key not in ("target", "schedule")}
        return flat(self.verdict.environment.get("target")) + flat(others)

    @property
    def seed(self) -> str:
        return dict(self.schedule).get("seed", "")

    @property
    def threshold_bytes(self) -> float | None:
        return number_of(self.verdict, "threshold_bytes")

    @property
    def colours(self) -> list[int]:
        """Places of the endpoints with a colour of their own, by that colour."""
        own = [row for row in self.rows if row.colour is not None]
        return [row.at for row in sorted(own, key=lambda row: row.colour or 0)]


def story_of(dossier: Dossier) -> Story:
    projection = projection_of(dossier)
    ranked = rows_of(dossier.verdict.endpoints, projection, {})
    notable = [row for row in ranked if row.endpoint.verdict != "clean"] or ranked
    colours = {row.at: colour for colour, row in enumerate(notable[:COLOURED])}
    return Story(
        verdict=dossier.verdict,
        pictures=dossier.pictures,
        projection=projection,
        rows=tuple(rows_of(dossier.verdict.endpoints, projection, colours)),
        scenario=dossier.scenario,
    )


def _held(endpoint: EndpointVerdict) -> Held:
    grown = [(COUNTS.get(name), value) for name, value in endpoint.per_request.items() if value >= LEAST_COUNTED]
    counted = [f"{value:.3g} {what}" for what, value in grown if what]
    return Held(
        endpoint=endpoint,
        size=size_of(endpoint.bytes_per_request),
        channel=CHANNELS[endpoint.channel],
        cause=CAUSES[endpoint.cause],
        counts=", ".join(counted),
        holders=tuple((holder, place(holder), share(holder)) for holder in endpoint.holders),
    )
