"""A short calibration: the target started, a few idle and warm windows, and what they tell of noise and pace."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from harness.analysis.estimate import QUANTUM_BYTES
from harness.analysis.plan import Noise, noise_of, noisier
from harness.analysis.windows import available_channels, window_table
from harness.conduct import LARGEST_WINDOW_REQUESTS, SMALLEST_WINDOW_REQUESTS
from harness.errors import Interrupted, SampleError, TargetError
from harness.history import new_run
from harness.load.schedule import Design, PlannedWindow
from harness.model.samples import Recording, Sample
from harness.model.scenario import Scenario
from harness.model.verdict import Channel
from harness.rig import Rig, open_rig
from harness.sample.recorder import Recorder
from harness.session import Session
from harness.target import RunLabels, mark_owner

CALIBRATION_WINDOWS = 10
# Stopping, settling and sampling between two windows, where nothing was measured.
ASSUMED_GAP_S = 0.1
GIVE_THE_NOISE = "give the noise with --noise, or `hyperleak run` the scenario to see what it does"


@dataclass(frozen=True)
class Basis:
    """What a plan stands on; `calibrated` tells measured from given.

    `rate` is requests/s that windows really reach, `gap_s` all that lies between two windows, `settled_sample_s` what of
    it settling and sampling take, `start_s` the start of the target. `broken_share` of the windows lost a process.
    """

    noise: Noise
    channel: Channel
    rate: float
    gap_s: float = ASSUMED_GAP_S
    calibrated: bool = False
    settled_sample_s: float | None = None
    start_s: float = 0.0
    broken_share: float = 0.0
    processes: int = 1
    notes: tuple[str, ...] = ()


def calibrate(scenario: Scenario, phase: Callable[[str], None], stop_asked: Callable[[], bool]) -> Basis:
    """Starts the target, drives idle windows and windows of its first endpoint, and stops it again.

    Nothing is kept. Raises MeasureError, InputError, Interrupted.
    """
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hyperleak-plan-") as kept, ExitStack() as stack:
        folder = new_run(Path(kept), scenario.name, scenario.source)
        mark_owner(Path(kept), RunLabels(folder.run_id, scenario.name))
        rig = open_rig(scenario, folder, phase, stack)
        start_s = time.monotonic() - began_s
        session = _session(rig, stack.enter_context(Recorder(folder.samples, rig.header(looks=1))), stop_asked)
        phase("calibrating")
        session.begin()
        _drive(scenario, session)
        if session.ended:
            raise TargetError(f"the target died in the calibration: {session.ended.detail}", hint=GIVE_THE_NOISE)
        notes = rig.notes
    if stop_asked():
        raise Interrupted("stopped before the calibration was over")
    return basis_of(scenario, session.recording, start_s, notes)


def _session(rig: Rig, sink: Recorder, stop_asked: Callable[[], bool]) -> Session:
    return Session(
        load=rig.load,
        memory=rig.memory,
        sink=sink,
        header=rig.header(looks=1),
        target_state=rig.target.state,
        stop_asked=stop_asked,
        observe=lambda _: None,
        rate=rig.scenario.load.rate,
        settle_timeout_s=rig.scenario.sampling.settle_timeout_s,
        request_timeout_s=rig.scenario.load.request_timeout_s,
    )


def _drive(scenario: Scenario, session: Session) -> None:
    load, count = scenario.load, len(scenario.endpoints)
    warmup_requests = max(load.warmup_requests, SMALLEST_WINDOW_REQUESTS)
    session.drive(Design(scenario.seed, count, warmup_requests, load.window_s).warmup(warmup_requests))
    if session.stopped():
        return
    requests = window_requests(load.rate or _rate(session.samples), load.window_s)
    idle = PlannedWindow(0, "idle", (0,) * count, load.window_s)
    warm = PlannedWindow(1, "load", (requests, *(0,) * (count - 1)))
    session.drive([idle] * CALIBRATION_WINDOWS + [warm] * CALIBRATION_WINDOWS)


def _rate(samples: Sequence[Sample]) -> float:
    """Requests a second while there was load; what the last windows reached counts as the warm-up does not."""
    pairs = [(before, after) for before, after in pairwise(samples) if after.window and after.window.load_s]
    loaded = [pair for pair in pairs if pair[1].window and pair[1].window.kind == "load"] or pairs
    sent = sum(sum(after.requests) - sum(before.requests) for before, after in loaded)
    load_s = sum(after.window.load_s for _, after in loaded if after.window)
    return sent / load_s if load_s else 0.0


def basis_of(scenario: Scenario, recording: Recording, start_s: float = 0.0, notes: tuple[str, ...] = ()) -> Basis:
    """What the windows of a calibration tell. Raises SampleError where they tell too little."""
    table = window_table(recording)
    channels, rate = available_channels(table), _rate(recording.samples)
    window_s = scenario.load.window_s
    if not (channels and rate):
        raise SampleError("the calibration measured no memory, or no request", hint=GIVE_THE_NOISE)
    loaded = table.requests.sum(axis=1) > 0
    growth = np.where(table.broken, np.nan, table.growth[channels[0]])
    marks = [sample.window for sample in recording.samples if sample.window and sample.window.kind != "warmup"]
    waits_s = [float(duration) - mark.load_s for duration, mark in zip(table.duration_s, marks, strict=True)]
    gap_s = max(0.0, statistics.median(w for w, mark in zip(waits_s, marks, strict=True) if mark.kind == "load"))
    sample_s = max(0.0, statistics.median(w for w, mark in zip(waits_s, marks, strict=True) if mark.kind == "idle"))
    spacing_s = window_s + gap_s
    found = [noise_of(growth[rows], spacing_s, QUANTUM_BYTES[channels[0]]) for rows in (~loaded, loaded)]
    known = [noise for noise in found if noise]
    if not known:
        raise SampleError("a process was born or died in nearly every window of the calibration", hint=GIVE_THE_NOISE)
    return Basis(
        noise=noisier(known, spacing_s),
        channel=channels[0],
        rate=rate,
        gap_s=gap_s,
        calibrated=True,
        settled_sample_s=max(0.0, sample_s - window_s),
        start_s=start_s,
        broken_share=float(table.broken[loaded].mean()),
        processes=len(recording.samples[-1].processes),
        notes=notes,
    )


def window_requests(rate: float, window_s: float) -> int:
    """Requests of a window of the run: what the conductor takes."""
    return min(max(round(rate * window_s), SMALLEST_WINDOW_REQUESTS), LARGEST_WINDOW_REQUESTS)
