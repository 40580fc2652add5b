"""What a telemetry backend is told of a run, out of the run's folder."""

from __future__ import annotations

from pathlib import Path

from harness.dossier import dossier_of
from harness.model.telemetry import Telemetry
from harness.model.verdict import Verdict
from harness.moments import revision_of, span_of
from harness.report.wording import scenario_of


def telemetry_of(run: Path, verdict: Verdict) -> Telemetry:
    """The verdict with the curves of its memory; a run that was screened alone, or whose samples are gone, has none."""
    pictures = dossier_of(run, verdict).pictures
    curves = pictures.curves if pictures is not None and not pictures.screened else ()
    load_s = max((curve.elapsed_s[-1] for curve in curves if curve.elapsed_s), default=0.0)
    return Telemetry(
        scenario=scenario_of(verdict.run_id),
        revision=revision_of(run),
        span=span_of(run, verdict.run_id, load_s),
        verdict=verdict,
        curves=curves,
    )
