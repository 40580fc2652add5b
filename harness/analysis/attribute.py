"""A recording in, a verdict out; the same for a live run, a run folder and a trace of somebody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.analysis.cause import cause_of, growth_per_request
from harness.analysis.channels import by_channel, contradiction, growth_by_channel
from harness.analysis.columns import Columns
from harness.analysis.confirming import few_requests_note, unless_filling
from harness.analysis.decide import FAR_BYTES, Decision, Settings, decide
from harness.analysis.estimate import Estimates, usable_rows
from harness.analysis.garbage import possible_garbage
from harness.analysis.groups import Pair, decide_shared, driven_alone, growing_pairs, pairs_note
from harness.analysis.redrawing import with_randomisation
from harness.analysis.remainder import Remainder, remainder_of
from harness.analysis.resident import FLAT, decide_level, level_channel, native_leaks, native_note, with_suspects
from harness.analysis.windows import TRUNCATED, WindowTable, available_channels, table_of, undisturbed
from harness.model.samples import Recording, SampleLike, TraceHeader
from harness.model.verdict import Channel, EndpointOutcome, EndpointVerdict, Outcome, Verdict

# Windows are short, and each ends with the last answer: a little below the asked rate is as asked.
KEPT_RATE_SHARE = 0.85
NOTHING_SAMPLED = "nothing was sampled that growth could be read from"


def analyse(recording: Recording, settings: Settings, *, run_id: str = "") -> Verdict:
    """Attributes growth to the endpoints of `recording`."""
    analysis = Analysis(recording.header, settings)
    analysis.take(recording.samples)
    return analysis.final(run_id=run_id, truncated=recording.truncated)


class Analysis:
    """Of a recording that grows: each look reads only the samples that are new since the last."""

    def __init__(self, header: TraceHeader, settings: Settings) -> None:
        self._header, self._settings = header, settings
        self._columns = Columns(len(header.endpoints))
        self._table: WindowTable | None = None

    def __len__(self) -> int:
        """Samples taken so far."""
        return len(self._columns)

    def take(self, samples: Sequence[SampleLike]) -> None:
        """Further samples, in the order in which they were recorded."""
        if samples:
            self._columns.extend(samples)
            self._table = None

    def table(self) -> WindowTable:
        """The windows so far."""
        if self._table is None:
            self._table = table_of(self._columns, self._header.endpoints)
        return self._table

    def verdict(self, *, run_id: str = "", truncated: bool = False) -> Verdict:
        """On all samples taken so far; `truncated`: the recording they are from was cut off."""
        found = _verdict(self._header, self.table(), self._columns, self._settings, run_id)
        return found.model_copy(update={"notes": (*found.notes, TRUNCATED)}) if truncated else found

    def final(self, *, run_id: str = "", truncated: bool = False) -> Verdict:
        """The same with what takes too long for each look, or isn't to be said before the end."""
        found = self.verdict(run_id=run_id, truncated=truncated)
        found = with_randomisation(found, self.table(), self._settings.threshold_bytes)
        return with_suspects(found, self.table(), self._settings)


def _verdict(header: TraceHeader, table: WindowTable, columns: Columns, settings: Settings, run_id: str) -> Verdict:
    channels = list(available_channels(table))
    last = columns.last
    decisions, channel, whole = _decisions(table, channels, settings, len(last.processes) if last else 0)
    native: dict[int, tuple[Channel, Decision]] = {}
    if channel == "php_heap":
        native = native_leaks(table, settings, [d.outcome not in FLAT for d in decisions])
    kept, estimates = growth_per_request(table), by_channel(table, channels, {channel: whole} if whole else None)
    if channel == "php_heap":
        decisions = [_remarked(table, estimates, e, d, settings, last) for e, d in enumerate(decisions)]
    sent, grown = table.requests.sum(axis=0), growth_by_channel(estimates, len(decisions))
    decisions = [unless_filling(d, int(sent[e]), settings) for e, d in enumerate(decisions)]
    endpoints = tuple(
        _endpoint(header.endpoints[e], last, e, *native.get(e, (channel, decision)), kept[e], grown[e], e in native)
        for e, decision in enumerate(decisions)
    )
    remainder = remainder_of(table, channel, decisions, whole, settings) if whole else Remainder()
    pairs = growing_pairs(table, channel, settings, [d.outcome in FLAT for d in decisions]) if channels else ()
    unseen = _unseen(table, [e.verdict for e in endpoints], settings) if channel == "php_heap" else []
    return Verdict(
        run_id=run_id,
        outcome=_outcome([e.verdict for e in endpoints], remainder.leaks or bool(pairs)),
        endpoints=endpoints,
        time_driven_bytes_per_second=_time_driven(whole, settings) if whole else 0.0,
        unattributed_bytes_per_request=remainder.bytes_per_request or _of_pairs(pairs),
        events=columns.events,
        notes=(*header.notes, *_notes(header, table, channel, whole), *pairs_note(table, pairs), *unseen),
        environment={"target": header.target, "schedule": header.schedule},
    )


def _decisions(
    table: WindowTable, channels: list[Channel], settings: Settings, processes: int
) -> tuple[list[Decision], Channel, Estimates | None]:
    unknown = [_unknown(table, e, bool(channels)) for e in range(len(table.endpoints))]
    if not channels:
        return unknown, "php_heap", None
    channel = channels[0]
    if channel != "php_heap":
        channel = level_channel(table) or channel
        decisions, whole = decide_level(table, channel, settings, processes) or (unknown, None)
        return [_maybe_garbage(table, decision, processes) for decision in decisions], channel, whole
    decisions, whole = decide(table, channel, settings) or (unknown, None)
    return decide_shared(table, channel, settings, decisions), channel, whole


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


def _remarked(
    table: WindowTable,
    estimates: dict[Channel, Estimates],
    e: int,
    decision: Decision,
    settings: Settings,
    last: SampleLike | None,
) -> Decision:
    """A decision by the heap, with what the other channels and the collector leave open."""
    if decision.outcome == "leak":
        return _maybe_garbage(table, decision, sum(1 for process in last.processes if process.php) if last else 0)
    return _noted(decision, contradiction(estimates, e, decision, settings))


def _maybe_garbage(table: WindowTable, decision: Decision, processes: int) -> Decision:
    """A leak with how much of it may be garbage, as far as nothing tells."""
    if decision.outcome != "leak":
        return decision
    return _noted(decision, possible_garbage(table, decision.typical, decision.requests, processes))


def _noted(decision: Decision, remark: str) -> Decision:
    return replace(decision, note="; ".join(part for part in (decision.note, remark) if part)) if remark else decision


def _endpoint(
    name: str,
    last: SampleLike | None,
    e: int,
    channel: Channel,
    decision: Decision,
    per_request: dict[str, float],
    channels: dict[Channel, float],
    heap_flat: bool,
) -> EndpointVerdict:
    leaks = decision.outcome == "leak"
    return EndpointVerdict(
        name=name,
        verdict=decision.outcome,
        bytes_per_request=round(decision.bytes_per_request, 3),
        typical_bytes_per_request=round(decision.typical, 3),
        ci95=(round(decision.ci95[0], 3), round(decision.ci95[1], 3)),
        p_value=decision.p_value,
        requests=decision.requests,
        channel=channel,
        channels=channels,
        per_request=per_request,
        cause=cause_of(per_request, heap_flat=heap_flat) if leaks else "unknown",
        failures=_failures(last, e),
        upper_limit_bytes_per_request=round(decision.upper_limit, 3),
        detectable_bytes_per_request=round(decision.detectable, 3),
        typical_error=None if decision.typical_error is None else round(decision.typical_error, 3),
        freedom=None if decision.freedom is None else round(decision.freedom, 3),
        note=decision.note,
    )


def _failures(last: SampleLike | None, endpoint: int) -> dict[str, int]:
    """By status, of an endpoint that had failures; the statuses of the expected answers stand beside them."""
    if last is None or not last.failures[endpoint]:
        return {}
    return dict(last.statuses[endpoint]) if last.statuses else {"failed": last.failures[endpoint]}


def _outcome(verdicts: list[EndpointOutcome], together: bool) -> Outcome:
    if together or "leak" in verdicts:
        return "leak"
    return "inconclusive" if "inconclusive" in verdicts or not verdicts else "clean"


def _of_pairs(pairs: Sequence[Pair]) -> float:
    """What the pairs keep together for one request of each of their endpoints, where the mix tells nothing."""
    return round(sum(pair.bytes_per_request for pair in pairs), 3)


def _time_driven(whole: Estimates, settings: Settings) -> float:
    """Bytes a second that idle windows grow too; 0 where it is not sure."""
    if whole.time is None or not np.isfinite(whole.time.error):
        return 0.0
    return round(whole.time.slope, 3) if whole.time.lower(1.0 - settings.alpha) > 0 else 0.0


def _unseen(table: WindowTable, outcomes: list[EndpointOutcome], settings: Settings) -> list[str]:
    """What may be there and would not have shown."""
    sent = [int(count) for count in table.requests.sum(axis=0)]
    return [*native_note(table, outcomes), *few_requests_note(outcomes, sent, settings)]


def _notes(header: TraceHeader, table: WindowTable, channel: Channel, whole: Estimates | None) -> list[str]:
    notes = _rate_notes(header, table)
    if broken := int((~undisturbed(table, channel)).sum()):
        notes.append(f"{broken} of {len(table)} windows were left out: a process was born or died in them")
    if whole is not None and whole.time is None:
        notes.append("no idle windows: growth by time alone cannot be told from growth by requests")
    if channel != "php_heap":
        notes.append(
            f"the PHP heaps were not read; {channel} grows in other windows than those that leak, but for windows in "
            "which all endpoints have requests: those alone count"
        )
    own = len(table.endpoints) if channel != "php_heap" or not table.group.any() else int(driven_alone(table).sum())
    if whole is not None and (rows := int(usable_rows(table, channel).sum())) < 2 * own:
        notes.append(f"only {rows} windows could be used for {own} endpoints")
    return notes


def _rate_notes(header: TraceHeader, table: WindowTable) -> list[str]:
    """Whether the load generator kept the rate that was asked for, over all windows of load."""
    asked = float(header.schedule.get("rate") or 0.0)
    loaded = table.load_s > 0
    load_s = float(table.load_s[loaded].sum())
    sent = float(table.requests[loaded].sum())
    if not asked or not load_s or sent / load_s >= KEPT_RATE_SHARE * asked:
        return []
    return [
        f"the load generator kept {sent / load_s:,.0f} of the {asked:,.0f} requests/s that were asked for: the app or "
        "the generator is at its limit; lower load.rate, or raise load.users or load.workers"
    ]
