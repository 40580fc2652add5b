"""The recorded traces of a real Hyperf container: who finds its leaks, and who is blamed falsely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harness.analysis.attribute import analyse
from harness.analysis.decide import Settings
from harness.analysis.screening import screen_verdict
from harness.model.samples import Recording
from harness.model.verdict import Verdict
from harness.sample.recording import read_recording, read_screening
from tests.benchmark.attribution.lbr import linear_backward_regression
from tests.benchmark.attribution.precog import precog
from tests.benchmark.attribution.rivals import LBR, LEAST_SQUARES, MANN_KENDALL, OURS, OURS_RESIDENT, PRECOG
from tests.benchmark.attribution.series import Series
from tests.benchmark.attribution.table import RESULTS, markdown, read_rows, write_rows
from tests.benchmark.attribution.trends import least_squares, mann_kendall

FILE = RESULTS / "traces.csv"
FOLDER = Path(__file__).parents[2] / "data/traces"
MEMORY_LIMIT_BYTES = 512 * 1024**2
SETTINGS = Settings()

# Paths that leak, by how the app was written.
LEAKING: Mapping[str, frozenset[str]] = {
    "static-big-cache": frozenset({"/static"}),
    "five-causes": frozenset({"/static", "/global", "/closure", "/resource", "/native", "/ctx", "/timer", "/coro"}),
    "clean-only": frozenset(),
    "steady-static": frozenset({"/static"}),
}
SCREENED: Mapping[str, frozenset[str]] = {
    "screen-causes": frozenset({"/static", "/tiny", "/global", "/closure", "/resource", "/timer", "/coro", "/ctx"}),
    "screen-cache-cycle": frozenset(),
}
SOMETHING = "something leaks"


def run() -> list[dict[str, str]]:
    rows = [row for name, leaking in LEAKING.items() for row in _judged(name, leaking)]
    for name, leaking in SCREENED.items():
        verdict = screen_verdict(read_screening(FOLDER / f"{name}.jsonl"), SETTINGS)
        rows.append(_row(name, OURS, leaking, _blamed(verdict)))
    write_rows(FILE, rows)
    return rows


def _judged(name: str, leaking: frozenset[str]) -> list[dict[str, str]]:
    recording = read_recording(FOLDER / f"{name}.jsonl")
    series = series_of(recording)
    slopes = least_squares(series, SETTINGS.threshold_bytes, SETTINGS.confidence)
    guilty = {_path(e) for e, claim in zip(recording.header.endpoints, slopes, strict=True) if claim.leak}
    whole = {
        MANN_KENDALL: mann_kendall(series, SETTINGS.threshold_bytes, 1.0 - SETTINGS.confidence),
        LBR: linear_backward_regression(series, MEMORY_LIMIT_BYTES),
        PRECOG: precog(series, _before(), MEMORY_LIMIT_BYTES),
    }
    return [
        _row(name, OURS, leaking, _blamed(analyse(recording, SETTINGS))),
        _row(name, OURS_RESIDENT, leaking, _blamed(analyse(without_heaps(recording), SETTINGS))),
        _row(name, LEAST_SQUARES.split(",")[0], leaking, guilty),
        *(
            _row(name, method.split(",")[0], leaking, {SOMETHING} if claim.leak else set())
            for method, claim in whole.items()
        ),
    ]


def series_of(recording: Recording) -> Series:
    """The container's anonymous memory, and the requests so far."""
    told = [sample for sample in recording.samples if sample.cgroup is not None]
    return Series(
        np.array([sample.elapsed_s for sample in told]),
        np.array([float(sample.cgroup.anon_bytes) for sample in told if sample.cgroup]),
        np.array([sample.requests for sample in told], dtype=float),
    )


def without_heaps(whole: Recording) -> Recording:
    samples = tuple(
        sample.model_copy(update={"processes": tuple(p.model_copy(update={"php": None}) for p in sample.processes)})
        for sample in whole.samples
    )
    return whole.model_copy(update={"samples": samples})


def _before() -> Series:
    """What Precog learns from: the same app, without leaks."""
    return series_of(read_recording(FOLDER / "clean-only.jsonl"))


def _blamed(verdict: Verdict) -> set[str]:
    return {_path(endpoint.name) for endpoint in verdict.endpoints if endpoint.verdict == "leak"}


def _path(endpoint: str) -> str:
    return endpoint.split()[-1]


def _row(trace: str, method: str, leaking: frozenset[str], blamed: set[str]) -> dict[str, str]:
    named = blamed - {SOMETHING}
    return {
        "trace": trace,
        "method": method,
        "leaks": str(len(leaking)),
        "found": SOMETHING if SOMETHING in blamed else str(len(named & leaking)),
        "missed": "–" if SOMETHING in blamed else " ".join(sorted(leaking - named)) or "–",
        "blamed falsely": " ".join(sorted(named - leaking)) or ("yes" if SOMETHING in blamed and not leaking else "–"),
    }


def report(rows: Sequence[Mapping[str, str]]) -> str:
    columns = {name: name for name in ("trace", "method", "leaks", "found", "missed", "blamed falsely")}
    return (
        "### Recorded traces of a real Hyperf container\n\n"
        "Nothing could be recorded again for the competitors here: Mann-Kendall, LBR and Precog had the whole trace, "
        f"and can only say that something leaks.\n\n{markdown(rows, columns)}"
    )


def kept_rows() -> list[dict[str, str]]:
    return read_rows(FILE)
