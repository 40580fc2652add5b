"""Whole runs of a simulated app: what the conductor drives, when it stops, and what the recording then says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.analysis.attribute import analyse
from harness.analysis.decide import Settings
from harness.load.schedule import SMALLEST_WINDOW_REQUESTS
from harness.measuring.conduct import CLOSING, CONFIRMING_SHARE_OF_LIMIT, Conductor
from harness.measuring.driving import LOOKS
from harness.measuring.session import Session
from harness.measuring.timing import with_times
from harness.model.load import Endpoint, Request
from harness.model.scenario import LoadPlan, Scenario
from harness.model.target import ImageSpec
from harness.model.verdict import EndpointOutcome, Verdict
from tests.unit.simulated_app import RATE, Keeps, Notes, SimulatedApp, appended, cached, nothing, session_of
from tests.unit.verdicts import endpoint

LEAK = appended(640)
# Doublings add up to one or two slots of 16 bytes a request.
LEAK_BYTES = (640, 640 + 32 + 1)
PLAN: dict[str, Any] = {"rate": RATE, "window_s": 0.2, "budget_s": 60.0, "warmup_requests": 20}


class Conducted:
    """One run of `app` by a plan, on the app's own clock, from beginning to end."""

    def __init__(
        self,
        app: SimulatedApp,
        *,
        seed: int = 0,
        limit: int | None = None,
        stop_after: int = 0,
        screened: Sequence[EndpointOutcome] | None = None,
        **plan: Any,
    ):
        self.app = app
        self.notes = Notes(stop_after=stop_after or None)
        self.plan = LoadPlan(**(PLAN | plan))
        self.looks: list[Verdict] = []
        # Without words of its own a plan confirms nothing: most stories are about what comes before that.
        confirm_requests = plan.get("confirm_requests", 0)
        self.settings = Settings(looks=len(LOOKS), confirm_requests=confirm_requests)
        self.session: Session = session_of(app, self.notes, rate=self.plan.rate)
        self.session.begin()
        self.conductor = Conductor(
            self._scenario(seed),
            self.session,
            self.settings,
            heap=app.heap_readable,
            looked=self.looks.append,
            memory_limit_bytes=limit,
            screened=screening(self.session.header.endpoints, screened) if screened else None,
        )
        self.conductor.perform()

    def _scenario(self, seed: int) -> Scenario:
        names = self.session.header.endpoints
        return Scenario(
            name="simulated",
            source=Path("simulated.yaml"),
            target=ImageSpec(image="simulated", port=1),
            load=self.plan,
            endpoints=tuple(Endpoint(name=name, request=Request(path=name.split()[1])) for name in names),
            seed=seed,
        )

    @property
    def verdict(self) -> Verdict:
        return analyse(self.session.recording, self.settings)

    @property
    def timed(self) -> Verdict:
        return with_times(self.verdict, self.conductor.looks, self.conductor.stages(1.0))

    @property
    def outcomes(self) -> list[str]:
        return [endpoint.verdict for endpoint in self.verdict.endpoints]

    @property
    def kinds(self) -> Counter[str]:
        return Counter(sample.window.kind for sample in self.notes.written if sample.window)

    @property
    def schedule(self) -> list[tuple[int, ...]]:
        return [order.counts for order in self.app.orders]


def screening(names: Sequence[str], outcomes: Sequence[EndpointOutcome]) -> Verdict:
    """What a screening of 20 requests each said."""
    endpoints = tuple(endpoint(name, outcome, requests=20) for name, outcome in zip(names, outcomes, strict=True))
    return Verdict(run_id="", outcome="inconclusive", endpoints=endpoints)


def app_of(*keeps: Keeps, **values: Any) -> SimulatedApp:
    return SimulatedApp(keeps, **values)


def test_a_leak_is_found_among_clean_endpoints_with_its_true_size() -> None:
    run = Conducted(app_of(LEAK, nothing, nothing))
    assert run.outcomes == ["leak", "clean", "clean"]
    leak, *clean = run.verdict.endpoints
    low, high = LEAK_BYTES
    assert low <= leak.bytes_per_request <= high
    assert low <= (leak.typical_bytes_per_request or 0) <= high
    assert all((found.upper_limit_bytes_per_request or 0) < 64 for found in clean)
    assert run.verdict.outcome == "leak"


def test_a_clean_app_is_called_clean_and_early() -> None:
    run = Conducted(app_of(nothing, nothing, nothing), budget_s=600.0)
    assert run.outcomes == ["clean"] * 3
    assert run.session.elapsed_s < 60


def test_a_cache_that_is_soon_full_is_not_blamed() -> None:
    run = Conducted(app_of(nothing, cached(600, 900)))
    assert run.outcomes[0] == "clean"
    assert run.outcomes[1] in ("clean", "bounded")
    assert run.verdict.outcome == "clean"


def test_a_cache_that_still_fills_at_the_end_is_not_called_clean() -> None:
    run = Conducted(app_of(nothing, cached(600, 10**9)), budget_s=10.0)
    assert run.outcomes[0] == "clean"
    assert run.outcomes[1] in ("leak", "inconclusive")


@pytest.mark.parametrize("seed", [0, 1])
def test_the_schedule_follows_from_the_seed_alone(seed: int) -> None:
    first, second = (Conducted(app_of(LEAK, nothing, nothing), seed=seed) for _ in range(2))
    other = Conducted(app_of(LEAK, nothing, nothing), seed=seed + 1)
    assert first.schedule == second.schedule
    assert first.notes.written == second.notes.written
    assert first.schedule != other.schedule


def test_a_run_warms_up_drives_idles_and_ends_with_the_mix() -> None:
    run = Conducted(app_of(nothing, nothing))
    assert set(run.kinds) == {"warmup", "load", "idle", "mix"}
    marks = [sample.window for sample in run.notes.written if sample.window]
    assert [mark.kind for mark in marks[:2]] == ["warmup", "warmup"]
    assert marks[-1].kind == "mix"
    assert [mark.index for mark in marks] == list(range(len(marks)))


def test_one_endpoint_needs_no_mix() -> None:
    run = Conducted(app_of(LEAK))
    assert "mix" not in run.kinds
    assert run.outcomes == ["leak"]


@pytest.mark.parametrize("budget_s", [5.0, 20.0])
def test_the_budget_of_time_is_kept_but_for_the_last_windows(budget_s: float) -> None:
    run = Conducted(app_of(LEAK, appended(300), appended(70), nothing), budget_s=budget_s, confirm_requests=10**6)
    assert run.session.elapsed_s < budget_s + 10 * run.plan.window_s


def test_confirming_a_large_leak_stays_within_the_memory_limit() -> None:
    limit = 64 * 1024**2
    big = 20_000
    run = Conducted(app_of(appended(big), nothing), limit=limit, rate=100.0, confirm_requests=10**6)
    confirming = [order.counts[0] for order in run.app.orders if order.counts[0] and not order.counts[1]][-4:]
    assert run.outcomes == ["leak", "clean"]
    assert sum(confirming) * big <= CONFIRMING_SHARE_OF_LIMIT * limit


def test_each_look_is_told_and_the_last_agrees_with_the_recording() -> None:
    run = Conducted(app_of(LEAK, nothing))
    assert run.looks
    assert [found.verdict for found in run.looks[-1].endpoints] == run.outcomes


def test_a_soak_drives_all_together_for_the_whole_budget() -> None:
    run = Conducted(app_of(nothing, nothing), profile="soak", budget_s=10.0)
    assert set(run.kinds) == {"warmup", "soak"}
    assert all(sum(counts) == RATE * run.plan.window_s for counts in run.schedule[2:])
    assert run.session.elapsed_s == pytest.approx(10.0, abs=1.0)


def test_without_heaps_every_window_ends_with_requests_of_all() -> None:
    run = Conducted(app_of(LEAK, nothing, nothing, heap_readable=False))
    assert all(sum(1 for count in counts if count) == 1 for counts in run.schedule[4::2])
    assert set(run.schedule[5::2]) == {(CLOSING,) * 3}
    assert run.outcomes == ["leak", "clean", "clean"]
    assert run.verdict.endpoints[0].bytes_per_request == pytest.approx(664, rel=0.05)
    assert {found.channel for found in run.verdict.endpoints} == {"anon"}


def test_without_heaps_nobody_is_cleared_while_free_memory_may_hide_what_is_kept() -> None:
    run = Conducted(app_of(nothing, nothing, heap_readable=False), budget_s=20.0)
    assert run.outcomes == ["inconclusive", "inconclusive"]
    assert all("may have had room" in found.note for found in run.verdict.endpoints)


def test_an_unlimited_rate_takes_its_windows_from_the_pace_of_the_warm_up() -> None:
    run = Conducted(app_of(nothing, nothing), rate=0.0, confirm_requests=0)
    assert sum(run.schedule[-1]) == pytest.approx(RATE * run.plan.window_s, rel=0.1)
    assert run.notes.written[-1].window is not None
    assert run.notes.written[-1].window.kind == "mix"


def test_without_a_warm_up_an_unlimited_rate_begins_small() -> None:
    run = Conducted(app_of(nothing, nothing), rate=0.0, warmup_requests=0)
    assert "warmup" not in run.kinds
    assert run.schedule[0] in [(SMALLEST_WINDOW_REQUESTS, 0), (0, SMALLEST_WINDOW_REQUESTS)]


@pytest.mark.parametrize("stop_after", [1, 2, 10, 30])
def test_stopping_leaves_what_was_measured_so_far(stop_after: int) -> None:
    run = Conducted(app_of(LEAK, nothing), stop_after=stop_after)
    assert len(run.notes.written) == stop_after
    assert run.session.ended is None
    assert [found.name for found in run.verdict.endpoints] == ["GET /0", "GET /1"]
    assert run.outcomes[1] in ("clean", "inconclusive")


@pytest.mark.parametrize("dies_at", [1, 30, 500, 5000])
def test_a_target_that_dies_is_an_event_and_the_rest_is_analysed(dies_at: int) -> None:
    run = Conducted(app_of(LEAK, nothing, dies_at=dies_at))
    assert run.session.ended is not None
    assert [event.kind for event in run.verdict.events if event.kind == "target_died"] == ["target_died"]
    assert run.outcomes[1] in ("clean", "inconclusive")
    assert run.outcomes[0] != "clean"


def test_recycled_workers_lose_windows_but_not_the_leak() -> None:
    plain = Conducted(app_of(LEAK, nothing))
    recycled = Conducted(app_of(LEAK, nothing, recycle_after=250))
    restarts = [event for event in recycled.verdict.events if event.kind == "worker_restart"]
    assert len(restarts) > 5
    assert recycled.outcomes == plain.outcomes == ["leak", "clean"]
    sizes = [run.verdict.endpoints[0].bytes_per_request for run in (plain, recycled)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.15)


def test_windows_shrink_where_most_are_lost_to_recycling() -> None:
    run = Conducted(app_of(LEAK, nothing, recycle_after=100), confirm_requests=0)
    requests = [sum(counts) for counts in run.schedule[2:]]
    assert requests[-1] < max(requests) < RATE * run.plan.window_s


def test_without_requests_to_confirm_with_a_leak_gets_no_more_than_the_blocks() -> None:
    asked, none = Conducted(app_of(LEAK, nothing)), Conducted(app_of(LEAK, nothing), confirm_requests=0)
    sent = [sum(order.counts[0] for order in run.app.orders) for run in (asked, none)]
    assert sent[0] - sent[1] == pytest.approx(LoadPlan().confirm_requests, rel=0.05)
    assert none.looks[-1].endpoints[0].verdict == "leak"
