"""A run's whole story out of its folder, and the page that tells it."""

from __future__ import annotations

import logging
from pathlib import Path

from harness.analysis.picture import pictures_of, screening_pictures
from harness.errors import InputError
from harness.history import PAGE, RECORD, SAMPLES, SCENARIO, SCREENING, read_diagnosis, read_record
from harness.model.diagnosis import Diagnosis
from harness.model.picture import Dossier, Pictures
from harness.model.screen import SCREEN_FORMAT
from harness.model.verdict import Verdict
from harness.reanalysis import analyse_path
from harness.report.html.page import render_html
from harness.report.writing import write_report
from harness.sample.recording import read_recording, read_screening, sniff_format

_log = logging.getLogger(__name__)

LONGEST_SCENARIO_BYTES = 48 * 1024


def read_verdict(run: Path) -> Verdict:
    """As it was recorded; of a folder with nothing but a screening as that tells it. Raises InputError."""
    if run.is_dir() and not (run / RECORD).exists() and not (run / SAMPLES).exists() and (run / SCREENING).exists():
        return analyse_path(run / SCREENING).model_copy(update={"run_id": run.resolve().name})
    return read_record(run)


def dossier_of(run: Path, verdict: Verdict) -> Dossier:
    """`verdict` with what its folder keeps beside it; a record by itself has nothing more to tell."""
    folder = run if run.is_dir() else run.parent
    if not run.is_dir() and run.name != RECORD:
        return Dossier(verdict=verdict)
    pictures, problem = _pictures(folder, verdict)
    verdict, diagnosis = _with_diagnosis(folder, verdict)
    if problem:
        verdict = verdict.model_copy(update={"notes": (*verdict.notes, problem)})
    return Dossier(verdict=verdict, diagnosis=diagnosis, pictures=pictures, scenario=_scenario(folder))


def plain_dossier_of(run: Path, verdict: Verdict) -> Dossier:
    """The same without pictures, which take long to draw."""
    if not run.is_dir() and run.name != RECORD:
        return Dossier(verdict=verdict)
    verdict, diagnosis = _with_diagnosis(run if run.is_dir() else run.parent, verdict)
    return Dossier(verdict=verdict, diagnosis=diagnosis)


def _with_diagnosis(folder: Path, verdict: Verdict) -> tuple[Verdict, Diagnosis | None]:
    """A diagnosis that can't be read is a note of the verdict's."""
    try:
        return verdict, read_diagnosis(folder)
    except InputError as error:
        note = f"the second opinions are missing: {error.message}"
        return verdict.model_copy(update={"notes": (*verdict.notes, note)}), None


def write_page(folder: Path) -> Path:
    """Writes report.html beside the record. Raises InputError, StorageError."""
    path = folder / PAGE
    write_report(path, render_html(dossier_of(folder, read_verdict(folder))))
    return path


def keep_page(folder: Path) -> None:
    """The same for a run that is over: its record is kept already, and no fault of a page may take that back."""
    try:
        write_page(folder)
    except Exception:
        _log.warning(
            "%s could not be written; `hyperleak report %s --format html` tries again", PAGE, folder, exc_info=True
        )


def _pictures(folder: Path, verdict: Verdict) -> tuple[Pictures | None, str]:
    """The pictures, and why there are none where samples can't be read."""
    trace = next((folder / name for name in (SAMPLES, SCREENING) if (folder / name).is_file()), None)
    if trace is None:
        return None, ""
    try:
        if sniff_format(trace) == SCREEN_FORMAT:
            return screening_pictures(read_screening(trace), verdict), ""
        return pictures_of(read_recording(trace), verdict), ""
    except InputError as error:
        return None, f"the curves are missing: {error.message}"


def _scenario(folder: Path) -> str:
    """What was kept of it; a copy that can't be read is none."""
    try:
        with (folder / SCENARIO).open("rb") as file:
            text = file.read(LONGEST_SCENARIO_BYTES).decode("utf-8", errors="replace")
            return f"{text}\n… the rest is in {SCENARIO}" if file.read(1) else text
    except OSError:
        return ""
