"""The pictures of a run: pure, from what was recorded and the verdict on it, and small enough for a page.

Levels are thinned out by keeping the lowest and the highest of each stretch, so that no peak is lost (U. Jugel et al.,
"M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from harness.analysis.decide import FAR_BYTES
from harness.analysis.estimate import usable_rows
from harness.analysis.resident import FLAT, quiet_stretch
from harness.analysis.screening import retained_bytes
from harness.analysis.windows import Bools, Floats, WindowTable, window_table
from harness.model.picture import Band, Curve, CurveName, Growth, Pictures
from harness.model.samples import ProcessReading, Recording, Sample
from harness.model.screen import ScreenRecording
from harness.model.verdict import Verdict

CURVE_POINTS = 1000
GROWTH_POINTS = 400
ALL_GROWTH_POINTS = 10_000
FEWEST_POINTS = 12
MOST_BANDS = 2000
# Between two samples there may be other work; a window's own settling takes no longer than this.
SETTLED_WITHIN_S = 0.5

_Level = Callable[[Sample], float | None]


def pictures_of(recording: Recording, verdict: Verdict) -> Pictures:
    """Of a run under load."""
    return Pictures(
        curves=tuple(_curves(recording.samples)),
        bands=tuple(_bands(recording, verdict)),
        growths=tuple(_growths(window_table(recording), verdict)),
    )


def screening_pictures(recording: ScreenRecording, verdict: Verdict) -> Pictures:
    """Of a screening alone: what each request kept, first uses left out as they are from its verdict."""
    found = dict(zip(recording.header.endpoints, retained_bytes(recording), strict=True))
    most = _points_each(len(verdict.endpoints))
    growths = [
        _added_up(np.ones(len(steady)), steady, most)
        for steady in (found[e.name].steady if e.name in found else np.array([]) for e in verdict.endpoints)
    ]
    return Pictures(growths=tuple(growths), screened=True)


def thinned(values: Floats, most: int) -> NDArray[np.intp]:
    """Places of at most `most` values, in order: the first, the last, and each stretch's lowest and highest."""
    if len(values) <= most:
        return np.arange(len(values))
    kept = {0, len(values) - 1}
    for stretch in np.array_split(np.arange(len(values)), max(1, (most - 2) // 2)):
        kept |= {int(stretch[np.argmin(values[stretch])]), int(stretch[np.argmax(values[stretch])])}
    return np.array(sorted(kept), dtype=np.intp)


def _curves(samples: tuple[Sample, ...]) -> Iterator[Curve]:
    for name, level in _LEVELS.items():
        known = [(sample.elapsed_s, value) for sample in samples if (value := level(sample)) is not None]
        if len(known) > 1:
            elapsed_s, levels = np.array(known, dtype=float).T
            places = thinned(levels, CURVE_POINTS)
            yield Curve(name=name, elapsed_s=tuple(elapsed_s[places].tolist()), levels=tuple(levels[places].tolist()))


def _over_processes(read: Callable[[ProcessReading], int | None]) -> _Level:
    def level(sample: Sample) -> float | None:
        told = [value for process in sample.processes if (value := read(process)) is not None]
        return float(sum(told)) if told else None

    return level


def _php(field: str) -> _Level:
    return _over_processes(lambda process: getattr(process.php, field) if process.php else None)


_LEVELS: dict[CurveName, _Level] = {
    "php_heap": _php("heap_bytes"),
    "anon": lambda sample: float(sample.cgroup.anon_bytes) if sample.cgroup else None,
    "private_dirty": _over_processes(lambda process: process.private_dirty_bytes),
    "rss": _over_processes(lambda process: process.rss_bytes),
    "open_fds": _over_processes(lambda process: process.open_fds),
    "coroutines": _php("coroutines"),
    "timers": _php("timers"),
    "resources": _php("resources"),
}


def _bands(recording: Recording, verdict: Verdict) -> list[Band]:
    places = {endpoint.name: place for place, endpoint in enumerate(verdict.endpoints)}
    in_verdict = [places.get(name) for name in recording.header.endpoints]
    channel: CurveName = verdict.endpoints[0].channel if verdict.endpoints else "php_heap"
    bands: list[Band] = []
    for before, after in itertools.pairwise(recording.samples):
        band = _band(before, after, in_verdict, _LEVELS[channel])
        if band is None:
            continue
        if bands and _continues(bands[-1], band):
            bands[-1] = _joined(bands[-1], band)
        else:
            bands.append(band)
    return bands if len(bands) <= MOST_BANDS else _coarser(bands, verdict)


def _coarser(bands: list[Band], verdict: Verdict) -> list[Band]:
    """Neighbours become one where nobody looks for them: the clean endpoints' first, and then any."""
    clean = {place for place, endpoint in enumerate(verdict.endpoints) if endpoint.verdict == "clean"}
    notable = [not band.requests or (band.endpoint is not None and band.endpoint not in clean) for band in bands]
    runs = itertools.groupby(range(len(bands)), key=lambda i: i if notable[i] else -1)
    merged = [_all_joined([bands[i] for i in run]) for _, run in runs]
    size = math.ceil(len(merged) / MOST_BANDS)
    return [_all_joined(merged[i : i + size]) for i in range(0, len(merged), size)]


def _all_joined(bands: list[Band]) -> Band:
    whole = bands[0]
    for band in bands[1:]:
        whole = _joined(whole, band)
    return whole if len(bands) == 1 else whole.model_copy(update={"endpoint": None})


def _band(before: Sample, after: Sample, in_verdict: list[int | None], level: _Level) -> Band | None:
    if after.window is None:
        return None
    sent = [b - a for a, b in zip(before.requests, after.requests, strict=True)]
    driven = [endpoint for endpoint, count in enumerate(sent) if count]
    load_s = after.window.load_s
    began_s = after.elapsed_s - load_s - SETTLED_WITHIN_S if load_s else before.elapsed_s
    first, last = level(before), level(after)
    same = {process.key for process in before.processes} == {process.key for process in after.processes}
    return Band(
        start_s=max(before.elapsed_s, began_s),
        end_s=after.elapsed_s,
        endpoint=in_verdict[driven[0]] if len(driven) == 1 else None,
        kind=after.window.kind,
        requests=sum(sent),
        kept_bytes=last - first if first is not None and last is not None and same else None,
    )


def _continues(band: Band, following: Band) -> bool:
    adjoining = following.start_s - band.end_s < SETTLED_WITHIN_S
    return adjoining and (band.kind, band.endpoint) == (following.kind, following.endpoint)


def _joined(band: Band, following: Band) -> Band:
    known = band.kept_bytes is not None and following.kept_bytes is not None
    return band.model_copy(
        update={
            "end_s": following.end_s,
            "requests": band.requests + following.requests,
            "kept_bytes": (band.kept_bytes or 0.0) + (following.kept_bytes or 0.0) if known else None,
        }
    )


def _growths(table: WindowTable, verdict: Verdict) -> Iterator[Growth]:
    """Each endpoint's, in the verdict's order; nothing for one that the recording doesn't know."""
    means_of = {e.name: e.bytes_per_request for e in verdict.endpoints if abs(e.bytes_per_request) < FAR_BYTES}
    means = np.array([means_of.get(name, 0.0) for name in table.endpoints])
    explained = table.requests * means
    expected = explained.sum(axis=1) + verdict.time_driven_bytes_per_second * table.duration_s
    usable = {endpoint.channel: usable_rows(table, endpoint.channel) for endpoint in verdict.endpoints}
    for channel in usable.keys() - {"php_heap"}:
        usable[channel] &= _undisturbed(table, verdict)
    places = {name: place for place, name in enumerate(table.endpoints)}
    most = _points_each(len(table.endpoints))
    for endpoint in verdict.endpoints:
        place = places.get(endpoint.name)
        if place is None:
            yield Growth()
            continue
        rows = usable[endpoint.channel] & (table.requests[:, place] > 0)
        own = table.growth[endpoint.channel] - expected + explained[:, place]
        yield _added_up(table.requests[rows, place], own[rows], most)


def _undisturbed(table: WindowTable, verdict: Verdict) -> Bools:
    """The windows that leaks outside of the heap are told by: those at the end, where nothing grew the heap."""
    by_heap = {e.name for e in verdict.endpoints if e.channel == "php_heap"}
    if not by_heap:
        return np.ones(len(table), dtype=bool)
    growing = {e.name for e in verdict.endpoints if e.name in by_heap and e.verdict not in FLAT}
    return quiet_stretch(table, [name in growing for name in table.endpoints])


def _added_up(requests: Floats, kept_bytes: Floats, most: int) -> Growth:
    """From nothing at no request; thinned out evenly."""
    if not len(requests):
        return Growth()
    at, kept = (np.concatenate([[0.0], np.cumsum(values)]) for values in (requests, kept_bytes))
    places = np.unique(np.linspace(0, len(at) - 1, min(most, len(at))).astype(int))
    return Growth(requests=tuple(at[places].astype(int).tolist()), kept_bytes=tuple(kept[places].round(1).tolist()))


def _points_each(endpoints: int) -> int:
    return max(FEWEST_POINTS, min(GROWTH_POINTS, ALL_GROWTH_POINTS // max(1, endpoints)))
