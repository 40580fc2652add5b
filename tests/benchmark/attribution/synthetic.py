"""Every cell of the grid, drawn many times on all processors; finished cells are kept and not drawn again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path
from statistics import median

from scipy import stats

from tests.benchmark.attribution.cells import Cell, all_cells
from tests.benchmark.attribution.claims import Judged
from tests.benchmark.attribution.draws import draw_cell
from tests.benchmark.attribution.rivals import METHODS, OURS, OURS_RESIDENT
from tests.benchmark.attribution.table import (
    RESULTS,
    append_rows,
    markdown,
    percent,
    read_rows,
    write_rows,
)

PROCESSES = 2
RIVAL_DRAWS = 50
MANY_RIVAL_DRAWS = 2
ALLOWED_FALSE_ALARMS = 0.01
COVERAGE = (0.93, 0.97)
KEPT_SEEDS = 5
CHUNK = 2

Numbered = tuple[int, Mapping[str, Judged]]


def results_file(*, quick: bool) -> Path:
    return RESULTS / ("synthetic-quick.csv" if quick else "synthetic.csv")


def kept_rows(*, quick: bool) -> list[dict[str, str]]:
    return read_rows(results_file(quick=quick))


def run_cells(
    cells: Sequence[Cell],
    draws: int,
    version: str,
    *,
    file: Path,
    told: Callable[[str], None],
    processes: int = PROCESSES,
) -> None:
    """Draws what `file` hasn't yet of this version of the code."""
    write_rows(file, [row for row in read_rows(file) if row["version"] == version])
    with _workers(processes) as mapped:
        for cell in cells:
            count = cell.draws(draws)
            if _is_kept(file, cell, count):
                continue
            began_s = time.monotonic()
            judged = sorted(mapped(partial(_draw, cell.name, count), range(count)), key=itemgetter(0))
            rows = [_row(cell, method, judged, version) for method in METHODS]
            append_rows(file, [row for row in rows if row["draws"] != "0"])
            told(f"{cell.name}: {count} draws in {time.monotonic() - began_s:.0f} s")


@contextmanager
def _workers(processes: int) -> Iterator[Callable[[Callable[[int], Numbered], range], Iterable[Numbered]]]:
    """A map over so many processes; each computes in one thread, as there are no more processors than processes."""
    if processes == 1:
        yield map
        return
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with get_context("spawn").Pool(processes) as pool:
        yield partial(pool.imap_unordered, chunksize=CHUNK)


def _is_kept(file: Path, cell: Cell, draws: int) -> bool:
    """Drawn as often before; drawn less often, it is drawn again."""
    older = [row for row in read_rows(file) if row["cell"] == cell.name]
    if older and int(older[0]["asked"]) < draws:
        write_rows(file, [row for row in read_rows(file) if row["cell"] != cell.name])
        return False
    return bool(older)


def _draw(name: str, count: int, number: int) -> Numbered:
    cell = next(cell for cell in all_cells() if cell.name == name)
    return number, draw_cell(cell, number, rivals=number < rival_draws(cell, count))


def rival_draws(cell: Cell, count: int) -> int:
    """How many of `count` draws the competitors get, which take longer than ours: at least one."""
    most = RIVAL_DRAWS if cell.endpoints <= 10 else MANY_RIVAL_DRAWS
    return min(most, -(-count // 4))


def _row(cell: Cell, method: str, judged: Sequence[Numbered], version: str) -> dict[str, str]:
    told = [(number, by_method[method]) for number, by_method in judged if method in by_method]
    found = [one for _, one in told]
    alarmed = [number for number, one in told if one.false_alarms]
    missed = [number for number, one in told if one.wrongly_cleared]
    uncovered = [number for number, one in told if one.leak_covered < one.leak_limits]
    errors = [error for one in found for error in one.relative_errors]
    return {
        "cell": cell.name,
        "method": method,
        "asked": str(len(judged)),
        "draws": str(len(found)),
        "false_alarms": str(len(alarmed)),
        "leaking": str(sum(one.leaking for one in found)),
        "found": str(sum(one.found for one in found)),
        "wrongly_cleared": str(sum(one.wrongly_cleared for one in found)),
        "leak_limits": str(sum(one.leak_limits for one in found)),
        "leak_covered": str(sum(one.leak_covered for one in found)),
        "other_limits": str(sum(one.other_limits for one in found)),
        "other_covered": str(sum(one.other_covered for one in found)),
        "median_error": f"{median(errors):.4f}" if errors else "",
        "decided": str(sum(one.decided for one in found)),
        "median_seconds": f"{median(one.seconds for one in found):.1f}" if found else "",
        "median_requests": f"{median(one.requests for one in found):.0f}" if found else "",
        "false_alarm_draws": " ".join(str(number) for number in alarmed[:KEPT_SEEDS]),
        "missed_draws": " ".join(str(number) for number in missed[:KEPT_SEEDS]),
        "uncovered_draws": " ".join(str(number) for number in uncovered[:KEPT_SEEDS]),
        "version": version,
    }


COLUMNS = {
    "cell": "cell",
    "draws": "draws",
    "false alarms/run": "false alarms",
    "power": "power",
    "called clean": "missed",
    "covered (leaks)": "leak coverage",
    "covered (others)": "other coverage",
    "error": "error",
    "decided": "decided share",
    "seconds": "median_seconds",
    "requests": "median_requests",
}


def shown(row: Mapping[str, str]) -> dict[str, str]:
    """A row with its counts as shares."""
    n = {name: float(row[name]) for name in _COUNTS}
    shares = {
        "false alarms": percent(n["false_alarms"], n["draws"]),
        "power": percent(n["found"], n["leaking"]),
        "missed": percent(n["wrongly_cleared"], n["leaking"]),
        "leak coverage": percent(n["leak_covered"], n["leak_limits"]),
        "other coverage": percent(n["other_covered"], n["other_limits"]),
        "error": percent(float(row["median_error"]), 1.0) if row["median_error"] else "–",
        "decided share": percent(n["decided"], n["draws"]),
    }
    return {**row, **shares}


_COUNTS = (
    "draws", "false_alarms", "leaking", "found", "wrongly_cleared",
    "leak_limits", "leak_covered", "other_limits", "other_covered", "decided",
)  # fmt: skip


def report(rows: Sequence[Mapping[str, str]]) -> str:
    """Ours cell by cell, then every method over all cells."""
    ours = [shown(row) for row in rows if row["method"] == OURS or _only_resident(row, rows)]
    return (
        "### Simulated services\n\n"
        "Each draw is a whole run of the real conductor on a simulated service: 300 requests/s, windows of 0.5 s, "
        "at most 60 s (10 min for 100 endpoints, 50 min for 500) of simulated time, 99% confidence, threshold "
        "64 B/request.\n\n"
        f"{markdown(ours, COLUMNS)}\n"
        f"All methods. The competitors got the first {RIVAL_DRAWS} draws of each cell ({MANY_RIVAL_DRAWS} with more "
        "than ten endpoints), in recordings of their own of the same service, as long in all as our run: a constant "
        "mix, or each endpoint alone for an equal part of the time; Precog also learnt from the service before it "
        "leaked.\n\n"
        f"{markdown(_by_method(rows), METHOD_COLUMNS)}"
    )


METHOD_COLUMNS = {
    "method": "method",
    "draws": "draws",
    "false alarms/run": "false alarms",
    "worst cell": "worst",
    "power": "power",
    "covered (leaks)": "leak coverage",
    "covered (others)": "other coverage",
    "error": "error",
}


def _only_resident(row: Mapping[str, str], rows: Iterable[Mapping[str, str]]) -> bool:
    return row["method"] == OURS_RESIDENT and not any(r["cell"] == row["cell"] and r["method"] == OURS for r in rows)


def _by_method(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    found = []
    for method in METHODS:
        own = [row for row in rows if row["method"] == method]
        if not own:
            continue
        total = {name: str(sum(float(row[name]) for row in own)) for name in _COUNTS}
        errors = [float(row["median_error"]) for row in own if row["median_error"]]
        worst = max(own, key=lambda row: float(row["false_alarms"]) / float(row["draws"]))
        summed = shown({**total, "method": method, "median_error": str(median(errors)) if errors else ""})
        told = f"{percent(float(worst['false_alarms']), float(worst['draws']))} ({worst['cell']})"
        found.append({**summed, "draws": f"{float(total['draws']):.0f}", "worst": told})
    return found


def findings(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Where ours breaks its promises, with the draws that show it.

    More false alarms than are allowed, leaks called clean, and limits that surely hold too seldom or too often.
    """
    ours = [row for row in rows if row["method"] in (OURS, OURS_RESIDENT)]
    return [line for row in ours for line in (*_alarms(row), *_coverage(row), *_cleared(row))]


def _alarms(row: Mapping[str, str]) -> Iterator[str]:
    alarms, draws = int(row["false_alarms"]), int(row["draws"])
    if alarms > ALLOWED_FALSE_ALARMS * draws:
        low, high = _limits(alarms, draws)
        interval = f"{100 * low:.2f}–{100 * high:.2f}%"
        yield f"{_who(row)}: false alarms in {alarms} of {draws} runs ({interval}), draws {row['false_alarm_draws']}"


def _coverage(row: Mapping[str, str]) -> Iterator[str]:
    for kind, whose in (("leak", "leaks"), ("other", "the others")):
        held, told = int(row[f"{kind}_covered"]), int(row[f"{kind}_limits"])
        if not told:
            continue
        low, high = _limits(held, told)
        if high < COVERAGE[0] or low > COVERAGE[1]:
            draws = f", draws {row['uncovered_draws']}" if kind == "leak" and row["uncovered_draws"] else ""
            share = f"{percent(held, told)} ({100 * low:.1f}–{100 * high:.1f}%)"
            yield f"{_who(row)}: 95% limits of {whose} held {held} of {told} times, {share}{draws}"


def _cleared(row: Mapping[str, str]) -> Iterator[str]:
    if int(row["wrongly_cleared"]):
        missed = f"{row['wrongly_cleared']} of {row['leaking']} leaks called clean"
        yield f"{_who(row)}: {missed}, draws {row['missed_draws']}"


def _who(row: Mapping[str, str]) -> str:
    return f"{row['cell']} ({row['method']})"


def _limits(count: int, of: int) -> tuple[float, float]:
    """Clopper and Pearson's, Biometrika 26, 1934, at 95%."""
    low = float(stats.beta.ppf(0.025, count, of - count + 1)) if count else 0.0
    return low, float(stats.beta.ppf(0.975, count + 1, of - count)) if count < of else 1.0
