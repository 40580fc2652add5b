"""A run and the view of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.cli.interrupts import Interrupts
from harness.cli.live.view import LiveView
from harness.cli.output import Output
from harness.model.scenario import Scenario
from harness.run import Watcher


@contextmanager
def watching(output: Output, scenario: Scenario, interrupts: Interrupts) -> Iterator[Watcher]:
    """Who looks on at one run of `scenario`: shows it, and passes Ctrl-C on, which counts for this run from now on."""
    with LiveView(output, scenario, interrupts.asked) as view:
        interrupts.release()

        def measured() -> None:
            interrupts.hold()
            view.phase("removing what was started")

        yield Watcher(
            phase=view.phase,
            sample=view.sample,
            look=view.look,
            stop_asked=interrupts.asked,
            measured=measured,
            heaps=view.heaps,
        )
