"""Sentences and cells about a campaign, which its reports tell in the same words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from harness.model.campaign import CampaignResult, CampaignRun, Reproduction, RunState
from harness.report.printable import one_line
from harness.report.wording import number, size_of
from harness.units import format_duration

STATES: Final[dict[RunState, str]] = {
    "measured": "measured",
    "failed": "could not be measured",
    "unfinished": "unfinished",
    "waiting": "not made yet",
}


def answer(result: CampaignResult) -> str:
    """One line: does it leak, where, how often."""
    leaking = sorted((case for case in result.cases if case.rate > 0), key=lambda case: -case.rate)
    if leaking:
        named = ", ".join(f"{one_line(case.endpoint)} in {share(case)}" for case in leaking[:3])
        more = f" and {len(leaking) - 3} more" if len(leaking) > 3 else ""
        return f"LEAK: {named}{more}"
    outcomes = [run.verdict.outcome for run in result.runs if run.verdict]
    if "leak" in outcomes:
        return f"LEAK: no endpoint by itself, but all together, in {outcomes.count('leak')} of {len(outcomes)} runs"
    if len(result.in_state("measured")) < len(result.runs):
        return "INCONCLUSIVE: no leak so far, but not every run has an answer"
    if "inconclusive" in outcomes:
        return "INCONCLUSIVE: no leak was found, but not every run could tell"
    return f"CLEAN: no leak in any of {len(result.runs)} runs"


def share(case: Reproduction) -> str:
    return f"{case.verdicts.get('leak', 0)} of {case.runs} runs ({case_name(case)})"


def case_name(case: Reproduction) -> str:
    return one_line(f"{case.scenario}, {case.variant}")


def counted(runs: Sequence[CampaignRun]) -> str:
    """How many runs are in which state."""
    counts = ((state, sum(run.state == state for run in runs)) for state in STATES)
    said = ", ".join(f"{count} {STATES[state]}" for state, count in counts if count)
    return f"{len(runs)} run{'s' if len(runs) != 1 else ''}: {said}"


def rate(case: Reproduction) -> str:
    low, high = case.ci95
    return f"{case.rate:.0%} ({low:.0%} … {high:.0%})"


def verdicts(case: Reproduction) -> str:
    """What the runs said, and that they differ where they do."""
    said = ", ".join(f"{count} {verdict}" for verdict, count in case.verdicts.items())
    return said if case.consistent else f"differs: {said}"


def sizes(case: Reproduction) -> str:
    """The median, and from what to what, in bytes a request."""
    if case.median_bytes_per_request is None:
        return ""
    least, most = case.least_bytes_per_request or 0.0, case.most_bytes_per_request or 0.0
    spread = f" ({number(least)} … {number(most)})" if case.verdicts["leak"] > 1 else ""
    return f"{number(case.median_bytes_per_request)}{spread}"


def run_line(run: CampaignRun) -> str:
    """One run: its slot, state, answer, time, and folder."""
    last = run.last
    took = f"in {format_duration(last.outcome.took_s)}" if last and last.outcome and last.outcome.took_s else ""
    tries = f"attempt {last.number}" if last and last.number > 1 else ""
    parts = (f"{run.slot.scenario}, {run.slot.variant}, #{run.slot.repetition}:", run_answer(run), took, tries)
    return one_line(" ".join(part for part in parts if part))


def run_answer(run: CampaignRun) -> str:
    if run.verdict:
        leaks = [e for e in run.verdict.endpoints if e.verdict == "leak"]
        named = ", ".join(f"{e.name} {size_of(e.bytes_per_request)}/request" for e in leaks)
        return f"{run.verdict.outcome}{f' ({named})' if named else ''}"
    error = run.last.outcome.error.partition("\n")[0] if run.last and run.last.outcome else ""
    return f"{STATES[run.state]}{f' ({error})' if error else ''}"


def remarks(result: CampaignResult) -> Iterable[str]:
    """What else is to be known, each failed run with its reason."""
    for case in result.cases:
        if not case.consistent:
            yield f"{case.endpoint} ({case_name(case)}): the verdict {verdicts(case)}"
    for run in result.in_state("failed"):
        where = f", kept in {run.last.folder}" if run.last else ""
        yield f"{run_line(run)}{where}"
    yield from result.remarks
