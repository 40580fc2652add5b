"""A recording in, a verdict out; the same for a live run, a run folder and a trace of somebody else."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from harness.analysis.cause import cause_of, growth_per_request
from harness.analysis.decide import FAR_BYTES, Decision, Settings, decide
from harness.analysis.estimate import Estimates, estimate, usable_rows
from harness.analysis.events import events_of
from harness.analysis.resident import FLAT, decide_alone, native_leaks
from harness.analysis.windows import TRUNCATED, WindowTable, available_channels, window_table
from harness.model.samples import Recording
from harness.model.verdict import Channel, EndpointOutcome, EndpointVerdict, Outcome, Verdict

# Windows are short, and each ends with the last answer: a little below the asked rate is as asked.
KEPT_RATE_SHARE = 0.85
NOTHING_SAMPLED = "nothing was sampled that growth could be read from"


def analyse(recording: Recording, settings: Settings, *, run_id: str = "") -> Verdict:
    """Attributes growth to the endpoints of `recording`."""
    table = window_table(recording)
    channels = list(available_channels(table))
    decisions, channel, whole = _decisions(table, channels, settings, _processes(recording))
    resident = next((c for c in channels if c != "php_heap"), channel)
    native: dict[int, Decision] = {}
    if channel == "php_heap" and resident != channel:
        native = native_leaks(table, resident, settings, [d.outcome not in FLAT for d in decisions])
    kept = growth_per_request(table)
    endpoints = tuple(
        _endpoint(recording, e, native.get(e, decision), resident if e in native else channel, kept[e], e in native)
        for e, decision in enumerate(decisions)
    )
    remainder = _remainder(table, channel, whole, settings) if whole else 0.0
    return Verdict(
        run_id=run_id,
        outcome=_outcome([e.verdict for e in endpoints], remainder > settings.threshold_bytes),
        endpoints=endpoints,
        time_driven_bytes_per_second=_time_driven(whole, settings) if whole else 0.0,
        unattributed_bytes_per_request=remainder,
        events=events_of(recording),
        notes=(*recording.header.notes, *_notes(recording, table, channel, whole)),
        environment={"target": recording.header.target, "schedule": recording.header.schedule},
    )


def _processes(recording: Recording) -> int:
    return len(recording.samples[-1].processes) if recording.samples else 0


def _decisions(
    table: WindowTable, channels: list[Channel], settings: Settings, processes: int
) -> tuple[list[Decision], Channel, Estimates | None]:
    channel = channels[0] if channels else "php_heap"
    found = decide(table, channel, settings) if channels else None
    if found is None:
        return [_unknown(table, e, bool(channels)) for e in range(len(table.endpoints))], channel, None
    decisions, whole = found
    if channel != "php_heap":
        decisions = decide_alone(table, channel, settings, decisions, processes)
    return decisions, channel, whole


def _unknown(table: WindowTable, endpoint: int, sampled: bool) -> Decision:
    return Decision(
        outcome="inconclusive",
        bytes_per_request=0.0,
        typical=0.0,
        ci95=(-FAR_BYTES, FAR_BYTES),
        p_value=1.0,
        upper_limit=FAR_BYTES,
        detectable=FAR_BYTES,
        requests=int(table.requests[:, endpoint].sum()),
        note="too few unbroken windows" if sampled else NOTHING_SAMPLED,
    )


def _endpoint(
    recording: Recording, e: int, decision: Decision, channel: Channel, per_request: dict[str, float], heap_flat: bool
) -> EndpointVerdict:
    leaks = decision.outcome == "leak"
    return EndpointVerdict(
        name=recording.header.endpoints[e],
        verdict=decision.outcome,
        bytes_per_request=round(decision.bytes_per_request, 3),
        typical_bytes_per_request=round(decision.typical, 3),
        ci95=(round(decision.ci95[0], 3), round(decision.ci95[1], 3)),
        p_value=decision.p_value,
        requests=decision.requests,
        channel=channel,
        per_request=per_request,
        cause=cause_of(per_request, heap_flat=heap_flat) if leaks else "unknown",
        failures=_failures(recording, e),
        upper_limit_bytes_per_request=round(decision.upper_limit, 3),
        detectable_bytes_per_request=round(decision.detectable, 3),
        note=decision.note,
    )


def _failures(recording: Recording, endpoint: int) -> dict[str, int]:
    """By status, of an endpoint that had failures; the statuses of the expected answers stand beside them."""
    last = recording.samples[-1] if recording.samples else None
    if last is None or not last.failures[endpoint]:
        return {}
    return dict(last.statuses[endpoint]) if last.statuses else {"failed": last.failures[endpoint]}


def _outcome(verdicts: list[EndpointOutcome], together: bool) -> Outcome:
    if together or "leak" in verdicts:
        return "leak"
    return "inconclusive" if "inconclusive" in verdicts or not verdicts else "clean"


def _remainder(table: WindowTable, channel: Channel, whole: Estimates, settings: Settings) -> float:
    """Growth of the realistic mix beyond the sum of its endpoints' own, bytes a request; 0 where it is not sure.

    The mix is refitted with a column of its own: all its requests, whose slope is what its endpoints leave unexplained.
    """
    rows = table.select(~table.broken & np.isfinite(table.growth[channel]))
    if rows.mix.sum() < 2 or not np.any(~rows.mix):
        return 0.0
    with_mix = replace(
        rows,
        endpoints=(*rows.endpoints, "mix"),
        requests=np.column_stack([rows.requests, np.where(rows.mix, rows.requests.sum(axis=1), 0.0)]),
    )
    try:
        fitted = estimate(with_mix, channel)
    except ValueError:
        return 0.0
    sure = fitted.lower(1.0 - settings.alpha)[-1] > 0 and np.isfinite(whole.error).all()
    return round(float(fitted.mean[-1]), 3) if sure else 0.0


def _time_driven(whole: Estimates, settings: Settings) -> float:
    """Bytes a second that idle windows grow too; 0 where it is not sure."""
    if whole.time_slope is None or not np.isfinite(whole.fit.errors[-1]):
        return 0.0
    sure = whole.fit.lower(1.0 - settings.alpha)[-1] > 0
    return round(whole.time_slope, 3) if sure else 0.0


def _notes(recording: Recording, table: WindowTable, channel: Channel, whole: Estimates | None) -> list[str]:
    notes = []
    if recording.truncated:
        notes.append(TRUNCATED)
    notes += _rate_notes(recording)
    if broken := int(table.broken.sum()):
        notes.append(f"{broken} of {len(table)} windows were left out: a process was born or died in them")
    if whole is not None and whole.time_slope is None:
        notes.append("no idle windows: growth by time alone cannot be told from growth by requests")
    if whole is not None and channel != "php_heap":
        notes.append(
            f"the PHP heaps were not read; on {channel} a leak is only called where the endpoint was driven alone, "
            "since resident memory grows in other windows than those that leak"
        )
    if whole is not None and (rows := int(usable_rows(table, channel).sum())) < 2 * len(table.endpoints):
        notes.append(f"only {rows} windows could be used for {len(table.endpoints)} endpoints")
    return notes


def _rate_notes(recording: Recording) -> list[str]:
    """Whether the load generator kept the rate that was asked for, over all windows of load."""
    asked = float(recording.header.schedule.get("rate") or 0.0)
    steps = [(a, b) for a, b in itertools.pairwise(recording.samples) if b.window and b.window.load_s > 0]
    load_s = sum(after.window.load_s for _, after in steps if after.window)
    sent = sum(sum(after.requests) - sum(before.requests) for before, after in steps)
    if not asked or not load_s or sent / load_s >= KEPT_RATE_SHARE * asked:
        return []
    return [
        f"the load generator kept {sent / load_s:,.0f} of the {asked:,.0f} requests/s that were asked for: the app or "
        "the generator is at its limit; lower load.rate, or raise load.users or load.workers"
    ]
