"""Verdicts from what was recorded before."""

from __future__ import annotations

from pathlib import Path

from harness.analysis.attribute import analyse
from harness.analysis.decide import Settings
from harness.model.samples import TraceHeader
from harness.model.verdict import Verdict
from harness.sample.recording import read_recording


def analyse_path(path: Path, *, threshold_bytes: float | None = None, confidence: float | None = None) -> Verdict:
    """The verdict of a run folder or a trace file; what isn't given is taken from the recording. Raises InputError."""
    recording = read_recording(path)
    settings = _settings(recording.header, threshold_bytes, confidence)
    return analyse(recording, settings, run_id=path.resolve().name)


def _settings(header: TraceHeader, threshold_bytes: float | None, confidence: float | None) -> Settings:
    own, standard = header.schedule, Settings()
    return Settings(
        threshold_bytes=threshold_bytes or float(own.get("threshold_bytes", standard.threshold_bytes)),
        confidence=confidence or float(own.get("confidence", standard.confidence)),
        looks=int(own.get("looks", standard.looks)),
    )
