"""What a calibration reads out of its windows, on an app in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.calibration import CALIBRATION_WINDOWS, WARM, _drive, basis_of
from harness.errors import SampleError
from harness.model.load import Endpoint, Request
from harness.model.samples import Recording
from harness.model.scenario import LoadPlan, Scenario
from harness.model.target import CommandSpec
from tests.unit.simulated_app import RATE, READING_S, Keeps, Notes, SimulatedApp, appended, nothing, session_of


def scenario_of(endpoints: int) -> Scenario:
    return Scenario(
        name="memory",
        source=Path("memory.yaml"),
        target=CommandSpec(port=0, command=("app",), cwd=Path()),
        load=LoadPlan(rate=RATE, window_s=0.2),
        endpoints=tuple(Endpoint(name=f"GET /{e}", request=Request(path=f"/{e}")) for e in range(endpoints)),
    )


def calibrated(*keeps: Keeps, recycle_after: int = 0, heap_readable: bool = True) -> Recording:
    session = session_of(SimulatedApp(keeps, recycle_after=recycle_after, heap_readable=heap_readable), Notes())
    session.begin()
    _drive(scenario_of(len(keeps)), session)
    return session.recording


def test_an_app_without_noise_has_none_and_its_pace_is_measured() -> None:
    found = basis_of(scenario_of(2), calibrated(nothing, nothing))
    assert (found.noise.white_bytes, found.noise.walk_bytes_per_sqrt_s) == (0.0, 0.0)
    assert (found.channel, found.calibrated, found.broken_share) == ("php_heap", True, 0.0)
    assert found.rate == pytest.approx(RATE)
    assert found.gap_s == pytest.approx(READING_S, abs=1e-3)
    assert found.settled_sample_s == pytest.approx(READING_S, abs=1e-3)


def test_a_leak_beside_it_is_not_taken_for_noise() -> None:
    recording = calibrated(appended(640), nothing)
    warm = [sample for sample in recording.samples if sample.window and sample.window.block == WARM]
    assert len(warm) == CALIBRATION_WINDOWS
    assert len({sample.requests[0] for sample in warm}) == 1
    assert basis_of(scenario_of(2), recording).noise.variance(1.0) == 0.0


def test_without_heaps_the_container_is_the_channel() -> None:
    assert basis_of(scenario_of(1), calibrated(nothing, heap_readable=False)).channel == "anon"


def test_windows_that_lost_a_process_are_counted_and_left_out() -> None:
    found = basis_of(scenario_of(1), calibrated(nothing, recycle_after=150))
    assert found.broken_share > 0.5
    assert found.noise.variance(1.0) == 0.0


def test_nothing_sampled_is_no_basis() -> None:
    recording = calibrated(nothing)
    bare = [sample.model_copy(update={"processes": (), "cgroup": None}) for sample in recording.samples]
    with pytest.raises(SampleError, match="no memory"):
        basis_of(scenario_of(1), recording.model_copy(update={"samples": tuple(bare)}))
