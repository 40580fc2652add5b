"""Windows of load and settled samples: what a session counts, records, and takes for an end."""

from __future__ import annotations

import pytest

from harness.errors import LoadError, SampleError
from harness.load.schedule import PlannedWindow
from harness.measuring.session import WINDOW_GRACE_S
from harness.model.load import WindowOrder, WindowResult
from tests.unit.simulated_app import Notes, SimulatedApp, appended, nothing, session_of


def loaded(*counts: int, block: int = 0) -> PlannedWindow:
    return PlannedWindow(block, "load", counts)


def idle(seconds: float) -> PlannedWindow:
    return PlannedWindow(0, "idle", (0, 0), seconds)


def test_the_first_sample_is_taken_before_any_load() -> None:
    app, notes = SimulatedApp((nothing, nothing)), Notes()
    session_of(app, notes).begin()
    (first,) = notes.written
    assert (first.elapsed_s, first.requests, first.failures, first.window) == (0.0, (0, 0), (0, 0), None)
    assert app.orders == []


def test_the_first_sample_alone_holds_what_costs_much_unless_it_is_asked_for() -> None:
    app, notes = SimulatedApp((nothing, nothing), private_readable=True), Notes()
    session = session_of(app, notes)
    session.begin()
    session.drive([loaded(1, 0)])
    session.exact = True
    session.drive([loaded(1, 0)])
    told = [sample.processes[0].private_dirty_bytes is not None for sample in notes.written]
    assert told == [True, False, True]


def test_every_request_is_counted_in_exactly_one_window() -> None:
    app, notes = SimulatedApp((appended(100), nothing)), Notes()
    session = session_of(app, notes)
    session.begin()
    session.drive([loaded(3, 0), idle(0.5), loaded(2, 4, block=1)])
    assert [sample.requests for sample in notes.written] == [(0, 0), (3, 0), (3, 0), (5, 4)]
    marks = [sample.window for sample in notes.written[1:] if sample.window]
    assert [(mark.index, mark.block, mark.kind) for mark in marks] == [(0, 0, "load"), (1, 0, "idle"), (2, 1, "load")]
    assert notes.written[-1].statuses == ({"200": 5}, {"200": 4})
    assert notes.observed == notes.written == list(session.recording.samples)


def test_an_idle_window_only_waits() -> None:
    app, notes = SimulatedApp((nothing, nothing)), Notes()
    session = session_of(app, notes)
    session.begin()
    session.drive([idle(0.75)])
    assert app.slept_s == [0.75]
    assert app.orders == []
    assert notes.written[-1].window is not None
    assert notes.written[-1].window.load_s == 0.0


def test_a_sample_is_written_before_the_next_window_begins() -> None:
    notes = Notes()
    written_when_ordered: list[int] = []

    class Watched(SimulatedApp):
        def run_window(self, order: WindowOrder, *, timeout_s: float) -> WindowResult:
            written_when_ordered.append(len(notes.written))
            return super().run_window(order, timeout_s=timeout_s)

    session = session_of(Watched((nothing,)), notes)
    session.begin()
    session.drive([loaded(1), loaded(1), loaded(1)])
    assert written_when_ordered == [1, 2, 3]


def test_elapsed_time_counts_from_the_first_sample_on() -> None:
    app, notes = SimulatedApp((nothing,)), Notes()
    session = session_of(app, notes)
    session.begin()
    session.drive([loaded(1000), loaded(500)])
    assert [sample.elapsed_s for sample in notes.written] == pytest.approx([0.0, 1.001, 1.502])


@pytest.mark.parametrize(("rate", "offered_s"), [(1000.0, 2.0), (0.0, 0.0)])
def test_a_window_gets_the_time_it_needs_and_some_grace(rate: float, offered_s: float) -> None:
    app, notes = SimulatedApp((nothing,)), Notes()
    session = session_of(app, notes, rate=rate)
    session.begin()
    session.drive([loaded(2000)])
    assert app.timeouts_s == [offered_s + 30.0 + WINDOW_GRACE_S]


def test_who_asks_to_stop_gets_the_window_that_was_begun() -> None:
    app, notes = SimulatedApp((nothing,)), Notes(stop_after=3)
    session = session_of(app, notes)
    session.begin()
    session.drive([loaded(7)] * 5)
    assert [sample.requests for sample in notes.written] == [(0,), (7,), (14,)]
    assert session.stopped()
    assert session.ended is None


def test_a_kill_at_the_memory_limit_is_an_event_and_the_run_goes_on() -> None:
    app, notes = SimulatedApp((nothing,), oom_at=15), Notes()
    session = session_of(app, notes)
    session.begin()
    session.drive([loaded(10)] * 3)
    assert [[event.kind for event in sample.events] for sample in notes.written] == [[], [], ["oom_kill"], []]
    assert notes.written[-1].requests == (30,)
    assert notes.written[-1].failures == (1,)
    assert not session.stopped()


def test_kills_from_before_the_run_are_no_event() -> None:
    app, notes = SimulatedApp((nothing,)), Notes()
    app.oom_kills = 5
    session = session_of(app, notes)
    session.begin()
    session.drive([loaded(1)])
    assert [sample.events for sample in notes.written] == [(), ()]


def test_the_targets_death_ends_the_windows_with_one_event() -> None:
    app, notes = SimulatedApp((nothing,), dies_at=15), Notes()
    session = session_of(app, notes)
    session.begin()
    session.drive([loaded(10)] * 5)
    session.drive([loaded(10)] * 5)
    last = notes.written[-1]
    assert (len(notes.written), last.requests, last.failures, last.processes) == (3, (20,), (6,), ())
    assert [(event.kind, event.detail) for event in last.events] == [("target_died", "killed")]
    assert session.ended is not None
    assert session.ended.exit_code == 137


@pytest.mark.parametrize("running", [True, False])
def test_a_broken_generator_is_an_error_only_where_the_target_lives(running: bool) -> None:
    app, notes = SimulatedApp((nothing,)), Notes()
    session = session_of(app, notes)
    session.begin()
    app.load_breaks, app.running = True, running
    if running:
        with pytest.raises(LoadError, match="the generator broke"):
            session.drive([loaded(1)])
        assert len(notes.written) == 1
    else:
        session.drive([loaded(1)])
        assert session.ended is not None
        assert notes.written[-1].requests == (0,)


def test_a_target_that_runs_but_cant_be_read_is_told_and_the_samples_stay() -> None:
    app, notes = SimulatedApp((nothing,)), Notes()
    session = session_of(app, notes)
    session.begin()
    session.drive([loaded(5)])
    app.readable = False
    with pytest.raises(SampleError, match="can't be read any more") as caught:
        session.drive([loaded(5)])
    assert caught.value.hint
    assert [sample.requests for sample in session.recording.samples] == [(0,), (5,)]
