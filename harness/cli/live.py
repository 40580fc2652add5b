"""What a person sees while a run goes on: one line that is redrawn, or plain lines where there is no terminal."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.text import Text

from harness.cli.output import Output
from harness.model.samples import Sample
from harness.model.scenario import Scenario
from harness.model.verdict import Verdict
from harness.units import format_duration, format_size


class LiveView:
    """Watches one run of `scenario`."""

    def __init__(self, output: Output, scenario: Scenario) -> None:
        self._output = output
        self._scenario = scenario
        self._phase = ""
        self._found = ""
        drawn = output.people.is_terminal and not output.quiet
        self._live = Live(console=output.people, transient=True, refresh_per_second=8) if drawn else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def phase(self, name: str) -> None:
        self._phase = name
        if self._live:
            self._live.update(self._line(""))
        else:
            self._output.say(f"{self._scenario.name}: {name}")

    def sample(self, sample: Sample) -> None:
        for event in sample.events:
            self._output.say(f"{self._scenario.name}: {event.kind.replace('_', ' ')} {event.detail}".rstrip())
        if self._live:
            self._live.update(self._line(_progress(sample)))

    def look(self, verdict: Verdict) -> None:
        counts = Counter(endpoint.verdict for endpoint in verdict.endpoints)
        self._found = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        if not self._live:
            requests = sum(endpoint.requests for endpoint in verdict.endpoints)
            self._output.say(f"{self._scenario.name}: after {requests:,} requests: {self._found}")

    def _line(self, progress: str) -> Text:
        parts = [self._scenario.name, self._phase, progress, self._found]
        return Text(" · ".join(part for part in parts if part), overflow="ellipsis", no_wrap=True)


def _progress(sample: Sample) -> str:
    mark = sample.window
    block = f"block {mark.block + 1} {mark.kind}" if mark else ""
    heap = sum(process.php.heap_bytes for process in sample.processes if process.php)
    anon = sample.cgroup.anon_bytes if sample.cgroup else 0
    parts = [
        format_duration(sample.elapsed_s),
        block,
        f"{sum(sample.requests):,} requests",
        f"{sum(sample.failures):,} failures" if any(sample.failures) else "",
        f"heaps {format_size(heap)}" if heap else "",
        f"container {format_size(anon)}" if anon else "",
    ]
    return " · ".join(part for part in parts if part)
