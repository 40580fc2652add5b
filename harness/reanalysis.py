"""Verdicts from what was recorded before."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from harness.analysis.attribute import Analysis
from harness.analysis.columns import CHUNK
from harness.analysis.decide import Settings
from harness.analysis.merge import with_names, with_screening
from harness.analysis.screening import screen_verdict
from harness.errors import InputError
from harness.history import RECORD, SCREENING, read_names, read_record
from harness.measuring.timing import with_times_of
from harness.model.scenario import Estimator
from harness.model.screen import SCREEN_FORMAT
from harness.model.verdict import Verdict
from harness.sample.recording import read_screening, sniff_format, stream_recording


def analyse_path(
    path: Path,
    *,
    threshold_bytes: float | None = None,
    confidence: float | None = None,
    estimator: Estimator | None = None,
) -> Verdict:
    """The verdict of a run folder or a trace file; what isn't given is taken from the recording. Raises InputError."""
    run_id = path.resolve().name
    if sniff_format(path) == SCREEN_FORMAT:
        screening = read_screening(path)
        return screen_verdict(screening, _settings({}, threshold_bytes, confidence, None), run_id=run_id)
    header, samples = stream_recording(path)
    settings = _settings(header.schedule, threshold_bytes, confidence, estimator)
    analysis, left = Analysis(header, settings), iter(samples)
    while some := list(islice(left, CHUNK)):
        analysis.take(some)
    verdict = analysis.final(run_id=run_id, truncated=samples.truncated)
    screened = path / SCREENING
    if path.is_dir() and screened.exists():
        verdict = with_screening(verdict, screen_verdict(read_screening(screened), settings))
    if (path / RECORD).is_file():
        with suppress(InputError):
            verdict = with_times_of(verdict, read_record(path))
    return with_names(verdict, read_names(path)) if path.is_dir() else verdict


def _settings(
    own: Mapping[str, Any], threshold_bytes: float | None, confidence: float | None, estimator: Estimator | None
) -> Settings:
    standard = Settings()
    recorded: Estimator = "gls" if own.get("estimator") == "gls" else standard.estimator
    return Settings(
        threshold_bytes=threshold_bytes or float(own.get("threshold_bytes", standard.threshold_bytes)),
        confidence=confidence or float(own.get("confidence", standard.confidence)),
        looks=int(own.get("looks", standard.looks)),
        confirm_requests=int(own.get("confirm_requests", standard.confirm_requests)),
        estimator=estimator or recorded,
    )
