"""A short calibration: the target started, a few idle and warm windows, and what they tell of noise and pace."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.analysis.estimate import QUANTUM_BYTES
from harness.analysis.plan import Noise, noise_of, noisier
from harness.analysis.windows import available_channels, window_table
from harness.errors import Interrupted, SampleError, TargetError
from harness.history import new_run
from harness.load.schedule import SMALLEST_WINDOW_REQUESTS, Design, PlannedWindow, window_requests
from harness.measuring.driving import measured_rate
from harness.measuring.rig import open_rig
from harness.measuring.session import Session
from harness.model.samples import Recording
from harness.model.scenario import Scenario
from harness.model.verdict import Channel
from harness.sample.recorder import Recorder
from harness.target import RunLabels, mark_owner

CALIBRATION_WINDOWS = 10
# The blocks of a calibration: a window of each endpoint, idle windows, windows of one endpoint.
FIRST, IDLE, WARM = range(3)
# Stopping, settling and sampling between two windows, where nothing was measured.
ASSUMED_GAP_S = 0.05
GIVE_THE_NOISE = "give the noise with --noise, or `hyperleak run` the scenario to see what it does"


@dataclass(frozen=True)
class Basis:
    """What a plan stands on; `calibrated` tells measured from given.

    `rate` is requests/s that windows really reach, `gap_s` all that lies between two windows, `settled_sample_s` the
    part of it for settling and sampling, `start_s` the target's start. `broken_share` of the windows lost a process.
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
    """Starts the target, drives idle windows and windows of one endpoint, and stops it again.

    Nothing is kept. Raises MeasureError, InputError, Interrupted.
    """
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hyperleak-plan-") as kept, ExitStack() as stack:
        folder = new_run(Path(kept), scenario.name, scenario.source)
        mark_owner(Path(kept), RunLabels(folder.run_id, scenario.name))
        rig = open_rig(scenario, folder, phase, stack)
        start_s = time.monotonic() - began_s
        header = rig.header(looks=1)
        sink = stack.enter_context(Recorder(folder.samples, header))
        session = rig.session(sink, header, stop_asked=stop_asked, observe=lambda _: None)
        phase("calibrating")
        session.begin()
        _drive(scenario, session)
        if session.ended:
            raise TargetError(f"the target died in the calibration: {session.ended.detail}", hint=GIVE_THE_NOISE)
        notes = rig.notes
    if stop_asked():
        raise Interrupted("stopped before the calibration was over")
    return basis_of(scenario, session.recording, start_s, notes)


def _drive(scenario: Scenario, session: Session) -> None:
    """The warm-up, a window of each endpoint, idle windows, and windows of the endpoint that keeps the least.

    A leak's own array doubles so often at its beginning that its windows would tell of little else.
    """
    load, count = scenario.load, len(scenario.endpoints)
    warmup_requests = max(load.warmup_requests, SMALLEST_WINDOW_REQUESTS)
    session.drive(Design(scenario.seed, count, warmup_requests, load.window_s).warmup(warmup_requests))
    if session.stopped():
        return
    requests = window_requests(load.rate or measured_rate(session.samples), load.window_s)
    session.drive(_only(e, count, requests, FIRST) for e in range(count))
    idle = PlannedWindow(IDLE, "idle", (0,) * count, load.window_s)
    session.drive([idle] * CALIBRATION_WINDOWS)
    if not session.stopped():
        quiet = _quietest(session.recording)
        session.drive([_only(quiet, count, requests, WARM)] * CALIBRATION_WINDOWS)


def _only(endpoint: int, count: int, requests: int, block: int) -> PlannedWindow:
    return PlannedWindow(block, "load", tuple(requests if e == endpoint else 0 for e in range(count)))


def _quietest(recording: Recording) -> int:
    table = window_table(recording)
    growth = table.growth[(available_channels(table) or ("rss",))[0]]
    rows = (table.requests.sum(axis=1) > 0) & ~table.broken & np.isfinite(growth)
    kept = [
        (float(grown), int(np.argmax(sent))) for grown, sent in zip(growth[rows], table.requests[rows], strict=True)
    ]
    return min(kept, default=(0.0, 0))[1]


def basis_of(scenario: Scenario, recording: Recording, start_s: float = 0.0, notes: tuple[str, ...] = ()) -> Basis:
    """What the windows of a calibration tell. Raises SampleError where they tell too little."""
    table = window_table(recording)
    channels, rate = available_channels(table), measured_rate(recording.samples)
    if not (channels and rate):
        raise SampleError("the calibration measured no memory, or no request", hint=GIVE_THE_NOISE)
    marks = [sample.window for sample in recording.samples if sample.window and sample.window.kind != "warmup"]
    blocks = np.array([mark.block for mark in marks])
    waited_s = table.duration_s - np.array([mark.load_s for mark in marks])
    gap_s = max(0.0, float(np.median(waited_s[blocks == WARM])))
    spacing_s = scenario.load.window_s + gap_s
    growth = np.where(table.broken, np.nan, table.growth[channels[0]])
    found = [noise_of(growth[blocks == block], spacing_s, QUANTUM_BYTES[channels[0]]) for block in (IDLE, WARM)]
    known = [noise for noise in found if noise]
    if not known:
        raise SampleError("a process was born or died in nearly every window of the calibration", hint=GIVE_THE_NOISE)
    return Basis(
        noise=noisier(known, spacing_s),
        channel=channels[0],
        rate=rate,
        gap_s=gap_s,
        calibrated=True,
        settled_sample_s=max(0.0, float(np.median(waited_s[blocks == IDLE])) - scenario.load.window_s),
        start_s=start_s,
        broken_share=float(table.broken[blocks != IDLE].mean()),
        processes=len(recording.samples[-1].processes),
        notes=notes,
    )
