"""Two sides of runs in, one comparison out."""

from __future__ import annotations

from collections.abc import Sequence

from harness import exit_codes
from harness.analysis.compare import Bar, compare, outcome_of
from harness.errors import InputError
from harness.model.comparison import Comparison, ComparisonOutcome, UnlikeField
from harness.model.verdict import Verdict
from harness.nightly.known import KnownLeaks
from harness.nightly.likeness import FIELD_NAMES, unlike_fields
from harness.nightly.pairing import pair_endpoints
from harness.nightly.runs import KeptRun

# Of the scenario's threshold: a growth by half of what would be called a leak by itself.
THRESHOLD_SHARE = 0.5
USUAL_THRESHOLD_BYTES = 64.0

_CODES: dict[ComparisonOutcome, int] = {
    "regression": exit_codes.LEAK,
    "same": exit_codes.CLEAN,
    "improvement": exit_codes.CLEAN,
    "inconclusive": exit_codes.INCONCLUSIVE,
    "not_comparable": exit_codes.INCONCLUSIVE,
}


def compare_sides(
    baseline: Sequence[KeptRun],
    candidate: Sequence[KeptRun],
    *,
    threshold_bytes: float | None = None,
    confidence: float | None = None,
    allowed: Sequence[str] = (),
    known: KnownLeaks | None = None,
) -> Comparison:
    """The comparison of two sets of runs; `not_comparable` where their environments are unlike and not `allowed` to be.

    Raises InputError where there is nothing to compare.
    """
    _check(baseline, candidate, allowed)
    bar = Bar(threshold_bytes or _threshold(candidate), confidence or 0.99)
    unlike = unlike_fields(baseline, candidate, allowed)
    refused = any(not field.allowed for field in unlike)
    endpoints = () if refused else compare(pair_endpoints(baseline, candidate), bar)
    notes = _notes(unlike, baseline, candidate)
    if known is not None and not refused:
        endpoints = tuple(known.mark_comparison(endpoint) for endpoint in endpoints)
        notes += known.unused(endpoint.name for endpoint in endpoints if endpoint.known)
    return Comparison(
        outcome="not_comparable" if refused else outcome_of(endpoints),
        baseline=tuple(run.verdict.run_id for run in baseline),
        candidate=tuple(run.verdict.run_id for run in candidate),
        endpoints=endpoints,
        unlike=unlike,
        threshold_bytes=bar.threshold_bytes,
        confidence=bar.confidence,
        notes=notes,
    )


def code_of(comparison: Comparison) -> int:
    return _CODES[comparison.outcome]


def _check(baseline: Sequence[KeptRun], candidate: Sequence[KeptRun], allowed: Sequence[str]) -> None:
    both = {run.path.resolve() for run in baseline} & {run.path.resolve() for run in candidate}
    if both:
        raise InputError(
            f"{min(both)}: this run is on both sides", hint="a run compared with itself is always the same"
        )
    unknown = [name for name in allowed if name not in FIELD_NAMES]
    if unknown:
        raise InputError(
            f"--allow-unlike {unknown[0]}: no field of that name is compared",
            hint=f"there are {', '.join(FIELD_NAMES)}",
        )


def _threshold(candidate: Sequence[KeptRun]) -> float:
    """A share of the scenario's own threshold, the smallest of them where the runs had several."""
    found = [_recorded_threshold(run.verdict) for run in candidate]
    return THRESHOLD_SHARE * min(found)


def _recorded_threshold(verdict: Verdict) -> float:
    schedule = verdict.environment.get("schedule")
    value = schedule.get("threshold_bytes") if isinstance(schedule, dict) else None
    return float(value) if isinstance(value, int | float) and value > 0 else USUAL_THRESHOLD_BYTES


def _notes(unlike: Sequence[UnlikeField], baseline: Sequence[KeptRun], candidate: Sequence[KeptRun]) -> tuple[str, ...]:
    notes = [f"{field.field} differs, as allowed: {described(field)}" for field in unlike if field.allowed]
    broken = [run.verdict.run_id for run in (*baseline, *candidate) if _died(run.verdict)]
    return (*notes, *(f"the target of {run_id} died: its figures stand on what was before" for run_id in broken))


def described(field: UnlikeField) -> str:
    """Both sides' values, as text."""
    before, after = (", ".join(map(str, values)) or "not recorded" for values in (field.baseline, field.candidate))
    return f"{before} in the baseline, {after} in the candidate"


def _died(verdict: Verdict) -> bool:
    return any(event.kind == "target_died" for event in verdict.events)
