"""The resident app in a container, through whole runs: what is found, how exact, and how soon."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median

from harness.model.samples import Recording, Sample
from harness.model.verdict import Verdict
from harness.run import Watcher, run_scenario
from harness.sample.recording import read_recording
from tests.benchmark.attribution.claims import Claim
from tests.benchmark.attribution.draws import CONFIDENCE, claim_of
from tests.benchmark.attribution.real_cases import SEEDS, RealRun, all_runs, quick_runs
from tests.benchmark.attribution.real_recordings import calibrated, each_alone, recordings
from tests.benchmark.attribution.rivals import METHODS, ONE_AT_A_TIME, OURS, OURS_RESIDENT, rival_claims
from tests.benchmark.attribution.series import Series
from tests.benchmark.attribution.table import RESULTS, append_rows, markdown, percent, read_rows
from tests.benchmark.attribution.trends import one_at_a_time

Told = Callable[[str], None]
# What a verdict's note says of a pair, after the names of the two.
TOGETHER = ": together they keep"
# A leak is compared with its truth from this size on.
MEASURED_BYTES = 64.0


def results_file(*, quick: bool) -> Path:
    return RESULTS / ("real-quick.csv" if quick else "real.csv")


def kept_rows(*, quick: bool) -> list[dict[str, str]]:
    return read_rows(results_file(quick=quick))


def run(*, quick: bool, told: Told) -> None:
    """Everything that the results don't have yet."""
    file = results_file(quick=quick)
    for planned in quick_runs() if quick else all_runs():
        if any(row["run"] == planned.name and row["seed"] == str(planned.seed) for row in read_rows(file)):
            continue
        rows = measure(planned, known_truths(read_rows(file), planned))
        append_rows(file, rows)
        alarms = [row["endpoint"] for row in rows if row["leak"] == "1" and row["leaks"] == "0" and _is_ours(row)]
        missed = [row["endpoint"] for row in rows if row["leak"] == "0" and row["leaks"] == "1" and _is_ours(row)]
        told(f"{planned.name} {planned.seed}: {rows[0]['run_s']} s; false alarms {alarms}, missed {missed}")


def _is_ours(row: Mapping[str, str]) -> bool:
    return row["method"] in (OURS, OURS_RESIDENT)


def known_truths(rows: Iterable[Mapping[str, str]], planned: RealRun) -> dict[str, float]:
    """What an earlier run of the same cases kept: all but the same, whatever the seed."""
    name = planned.name.removesuffix("-hidden")
    return {row["endpoint"]: float(row["truth"]) for row in rows if row["run"] == name and row["truth"]}


def measure(planned: RealRun, truths: Mapping[str, float]) -> list[dict[str, str]]:
    verdict, recording = run_once(planned)
    run_s = recording.samples[-1].elapsed_s
    if planned.calibrated:
        truths = calibrated(planned, sent(verdict, recording))
    claims = [claim_of(endpoint) for endpoint in verdict.endpoints]
    decided = [endpoint.decided_after_s for endpoint in verdict.endpoints]
    requests_of = [endpoint.decided_after_requests for endpoint in verdict.endpoints]
    method = OURS if planned.heap else OURS_RESIDENT
    rows = _rows(planned, method, claims, truths, decided, requests_of, run_s)
    rows += pair_rows(planned, method, verdict, recording.samples[-1])
    if planned.rivals == "all":
        recorded = recordings(planned, run_s)
        for rival, found in rival_claims(recorded, planned.threshold_bytes, CONFIDENCE).items():
            took_s = soonest_right(planned, recorded.alone, run_s) if rival == ONE_AT_A_TIME else None
            rows += _rows(planned, rival, found, truths, [took_s] * len(found), [None] * len(found), run_s)
    elif planned.rivals == "one at a time":
        series = each_alone(planned, planned.budget_s)
        found = [one_at_a_time(alone, planned.threshold_bytes) for alone in series]
        times = [soonest_right(planned, series, planned.budget_s)] * len(found)
        rows += _rows(planned, ONE_AT_A_TIME, found, truths, times, [None] * len(found), run_s)
    return rows


def run_once(planned: RealRun) -> tuple[Verdict, Recording]:
    watcher = Watcher(
        phase=lambda phase: None,
        sample=lambda sample: None,
        look=lambda verdict: None,
        stop_asked=lambda: False,
        measured=lambda: None,
    )
    with tempfile.TemporaryDirectory() as place:
        result = run_scenario(planned.scenario(), Path(place), watcher)
        return result.verdict, read_recording(result.folder.samples)


def sent(verdict: Verdict, recording: Recording) -> dict[str, tuple[int, int]]:
    """Requests of each endpoint before those that were measured, which are its windows by itself, and measured ones."""
    counted: dict[str, tuple[int, int]] = {}
    for place, endpoint in enumerate(verdict.endpoints):
        screened = endpoint.screened.requests if endpoint.screened else 0
        before = 0
        for earlier, later in pairwise(recording.samples):
            before = earlier.requests[place]
            if later.window and later.window.kind == "load" and later.requests[place] > before:
                break
        counted[endpoint.name.removeprefix("GET ")] = screened + before, endpoint.requests
    return counted


def pair_rows(planned: RealRun, method: str, verdict: Verdict, last: Sample) -> list[dict[str, str]]:
    """A row for each pair that leaks or that the run named; by its `last` sample, at the latest."""
    marks = (note.partition(TOGETHER) for note in verdict.notes)
    named = {pair.replace("GET ", "") for pair, mark, _ in marks if mark} if verdict.outcome == "leak" else set()
    real = {" with ".join(pair) for pair in planned.pairs}
    pairs = {pair: pair in real for pair in sorted(named | real)}
    claims = [Claim(pair in named, verdict.unattributed_bytes_per_request) for pair in pairs]
    until = [last.elapsed_s if claim.leak else None for claim in claims]
    requests = [sum(last.requests) if claim.leak else None for claim in claims]
    return _rows(replace(planned, paths=pairs), method, claims, {}, until, requests, last.elapsed_s)


def soonest_right(planned: RealRun, series: Sequence[Series], budget_s: float) -> float | None:
    """Seconds for all endpoints one at a time from which on each is told rightly; None where that never was so."""
    leaking = list(planned.paths.values())
    each_s = budget_s / len(leaking)
    soonest: float | None = None
    for hundredths in range(100, 0, -1):
        until_s = each_s * hundredths / 100
        claims = [one_at_a_time(alone.until(until_s), planned.threshold_bytes) for alone in series]
        if [claim.leak for claim in claims] != leaking:
            break
        soonest = until_s * len(leaking)
    return soonest


def _rows(
    planned: RealRun,
    method: str,
    claims: Sequence[Claim],
    truths: Mapping[str, float],
    decided_s: Sequence[float | None],
    requests: Sequence[int | None],
    run_s: float,
) -> list[dict[str, str]]:
    everything = zip(planned.paths.items(), claims, decided_s, requests, strict=True)
    return [
        {
            "run": planned.name,
            "seed": str(planned.seed),
            "method": method,
            "endpoint": path,
            "leaks": str(int(leaks)),
            "leak": str(int(claim.leak)),
            "cleared": str(int(claim.cleared)),
            "bytes_per_request": f"{claim.bytes_per_request:.2f}",
            "low95": f"{claim.ci95[0]:.2f}" if claim.ci95 else "",
            "high95": f"{claim.ci95[1]:.2f}" if claim.ci95 else "",
            "truth": f"{truths[path]:.2f}" if path in truths else "",
            "decided_after_s": f"{after_s:.2f}" if after_s is not None else "",
            "decided_after_requests": str(after) if after is not None else "",
            "run_s": f"{run_s:.1f}",
        }
        for (path, leaks), claim, after_s, after in everything
    ]


def report(rows: Sequence[Mapping[str, str]]) -> str:
    summaries = [_summary(name, method, own) for name, method, own in _grouped(rows)]
    whole = markdown([*summaries, *_of_all_runs(rows)], _COLUMNS)
    return (
        "### The resident app in a container\n\n"
        "All its leak cases and decoys in three sizes, three seeds each; in `load-only` those that one request at a "
        "time doesn't show, where a pair that leaks only together is one more leak, found where it is named. Bytes a "
        "request are compared, for leaks of "
        "64 B and more, with a calibration: another container, each case driven alone for as many requests as in the "
        "run, its heaps read before and after; native memory with malloc's own sizes. Competitors: recordings of their "
        "own of the same app, each as long in all as our run; in `ten-hidden` two minutes, of which the part is told "
        f"from which on it was right, though nothing would have told so.\n\n{whole}"
    )


_COLUMNS = {
    "run": "run",
    "method": "method",
    "seeds": "seeds",
    "precision": "precision",
    "recall": "recall",
    "F1": "f1",
    "median error": "error",
    "largest": "largest",
    "covered": "covered",
    "seconds to all verdicts": "decided",
    "requests": "requests",
    "whole run": "run_s",
}


def _grouped(rows: Sequence[Mapping[str, str]]) -> list[tuple[str, str, list[Mapping[str, str]]]]:
    names = list(dict.fromkeys(row["run"] for row in rows))
    groups = [(n, m, [r for r in rows if r["run"] == n and r["method"] == m]) for n in names for m in METHODS]
    return [group for group in groups if group[2]]


def _summary(name: str, method: str, rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    hits = sum(row["leaks"] == row["leak"] == "1" for row in rows)
    called = sum(row["leak"] == "1" for row in rows)
    leaks = sum(row["leaks"] == "1" for row in rows)
    measured = [
        r for r in rows if r["truth"] and r["leak"] == r["leaks"] == "1" and float(r["truth"]) >= MEASURED_BYTES
    ]
    errors = [abs(float(row["bytes_per_request"]) / float(row["truth"]) - 1.0) for row in measured]
    limits = [float(r["low95"]) <= float(r["truth"]) <= float(r["high95"]) for r in measured if r["low95"]]
    return {
        "run": name,
        "method": method,
        "seeds": str(len({row["seed"] for row in rows})),
        "precision": f"{hits / called:.3f}" if called else "–",
        "recall": f"{hits / leaks:.3f}" if leaks else "–",
        "f1": f"{2 * hits / (called + leaks):.3f}" if called + leaks else "1.000",
        "error": percent(median(errors), 1.0) if errors else "–",
        "largest": percent(max(errors), 1.0) if errors else "–",
        "covered": f"{sum(limits)} of {len(limits)}" if limits else "–",
        "decided": _by_seed(rows, "decided_after_s"),
        "requests": _by_seed(rows, "decided_after_requests"),
        "run_s": f"{median(float(row['run_s']) for row in rows):.0f} s",
    }


def _of_all_runs(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Ours with heaps over all runs, where there are several."""
    ours = [row for row in rows if row["method"] == OURS]
    if len({row["run"] for row in ours}) < 2:
        return []
    of_single_runs = dict.fromkeys(("decided", "requests", "run_s"), "")
    return [{**_summary("all", OURS, ours), **of_single_runs, "seeds": str(len(SEEDS))}]


def _by_seed(rows: Sequence[Mapping[str, str]], column: str) -> str:
    """The median over the seeds of the last endpoint's value; how many are undecided where some are."""
    lasts = []
    for seed in dict.fromkeys(row["seed"] for row in rows):
        own = [row[column] for row in rows if row["seed"] == seed]
        if all(own):
            lasts.append(max(float(value) for value in own))
    undecided = sum(not row[column] for row in rows)
    if not lasts:
        return f"{undecided} of {len(rows)} undecided" if rows[0]["method"] in (OURS, OURS_RESIDENT) else "–"
    return f"{median(lasts):.0f}" if column.endswith("requests") else f"{median(lasts):.1f}"
