"""Watches one measurement and shows it: drawn on a terminal, told in plain lines everywhere else."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from rich.live import Live

from harness.cli.live.frame import Frame
from harness.cli.live.progress import Progress
from harness.cli.output import Output
from harness.model.samples import Sample
from harness.model.scenario import Scenario
from harness.model.verdict import EndpointVerdict, Verdict
from harness.report.rows import counted
from harness.report.wording import limits, size_of
from harness.run import SCREENING
from harness.units import format_duration, format_size

REFRESHES_PER_S: Final = 4
# Without a terminal, a sign of life comes at least so often under load.
SIGN_OF_LIFE_S: Final = 30.0


@dataclass(frozen=True)
class Watched:
    """What is measured. `budgets_s` of the phases that have one, by name; `load_budget_s` begins after the warm-up."""

    title: str
    endpoints: tuple[str, ...]
    load_budget_s: float = 0.0
    budgets_s: Mapping[str, float] = field(default_factory=dict)


class LiveView:
    """Shows one measurement; `stop_asked` tells whether the user wants it to end.

    On a terminal its own screen is drawn, so that it is whole after a change of size; what was there comes back.
    """

    def __init__(
        self,
        output: Output,
        watched: Watched | Scenario,
        stop_asked: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output = output
        self._watched = watched if isinstance(watched, Watched) else _of(watched)
        self._stop_asked = stop_asked
        self._clock = clock
        self._progress = Progress(self._watched.title, self._watched.endpoints, began_s=clock())
        self._said: dict[str, str] = {}
        self._counts = ""
        self._said_s = clock()
        self._live = (
            Live(
                console=output.people,
                screen=True,
                get_renderable=self._frame,
                refresh_per_second=REFRESHES_PER_S,
            )
            if is_drawn(output, os.environ)
            else None
        )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def phase(self, name: str) -> None:
        if name != self._progress.phase:
            self._say(name)
        self._progress = self._progress.with_phase(name, self._clock(), self._watched.budgets_s.get(name))

    def sample(self, sample: Sample) -> None:
        self._progress = self._progress.with_sample(sample, self._clock(), self._watched.load_budget_s)
        for event in sample.events:
            self._say(f"{event.kind.replace('_', ' ')} {event.detail}".rstrip())
        if self._clock() - self._said_s >= SIGN_OF_LIFE_S:
            self._say(_sign_of_life(self._progress, sample.elapsed_s))

    def look(self, verdict: Verdict) -> None:
        self._progress = self._progress.with_look(verdict, load_follows=self._watched.load_budget_s > 0)
        requests = sum(endpoint.requests for endpoint in verdict.endpoints)
        new = [endpoint for endpoint in self._progress.found if self._is_news(endpoint)]
        if (counts := counted(self._progress.found)) != self._counts:
            self._say(f"after {requests:,} requests: {counts}")
            self._counts = counts
        for endpoint in new:
            self._say(f"{endpoint.name} is {_told(endpoint)}")

    def heaps(self, heaps_bytes: int) -> None:
        self._progress = self._progress.with_heaps(heaps_bytes)

    def _is_news(self, endpoint: EndpointVerdict) -> bool:
        """Whether it is a verdict that the lines haven't told yet: what leaks, and what turns out otherwise."""
        before = self._said.get(endpoint.name)
        self._said[endpoint.name] = endpoint.verdict
        return endpoint.verdict != before and "leak" in (endpoint.verdict, before)

    def _say(self, text: str) -> None:
        if self._live is None:
            self._said_s = self._clock()
            self._output.say(f"{self._progress.title}: {text}")

    def _frame(self) -> Frame:
        return Frame(self._progress, self._clock(), self._stop_asked())


def _of(scenario: Scenario) -> Watched:
    names = tuple(endpoint.name for endpoint in scenario.endpoints)
    return Watched(scenario.name, names, scenario.load.budget_s, {SCREENING: scenario.screening.budget_s})


def is_drawn(output: Output, environment: Mapping[str, str]) -> bool:
    """Whether people's text goes to a terminal that can be redrawn and that nobody only keeps as a log.

    Where `FORCE_COLOR` makes a file take colours it stays a file. What `--verbose` logs would tear the picture.
    """
    in_ci = environment.get("CI", "").lower() not in ("", "0", "false", "no")
    verbose = logging.getLogger().isEnabledFor(logging.DEBUG)
    console = output.people
    return console.is_interactive and console.file.isatty() and not (in_ci or verbose or output.quiet)


def _sign_of_life(progress: Progress, elapsed_s: float) -> str:
    memory = progress.memory
    parts = [
        f"{format_duration(round(elapsed_s))} in",
        f"{progress.requests:,} requests",
        f"{progress.failures:,} failures" if progress.failures else "",
        f"heaps {format_size(memory.heaps.last)}" if memory.heaps.count else "",
        f"{memory.resident_name} {format_size(memory.resident.last)}" if memory.resident.count else "",
    ]
    return ", ".join(part for part in parts if part)


def _told(endpoint: EndpointVerdict) -> str:
    told = f"{size_of(endpoint.bytes_per_request)}/request, {limits(endpoint)}"
    return f"a leak so far ({told})" if endpoint.verdict == "leak" else f"{endpoint.verdict} after all ({told})"
