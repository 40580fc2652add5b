"""What a person does next: commands that can be copied, for each way that a verdict can turn out."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from harness.model.verdict import EndpointVerdict, Verdict
from harness.report.wording import is_known, leaks
from harness.units import format_duration

# A budget isn't advised to be longer than so many times the last one at once.
MOST_TIMES: Final = 16
_GROWING: Final = "still growing when the budget ended: more requests tell a cache from a leak"


class Step(NamedTuple):
    """What for, and the command, file or setting that does it."""

    purpose: str
    command: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a verdict comes from, and which of the program's `commands` there are to go on with.

    `page` is the report for a browser. `scenario` None: not known, or nothing was run by one. `running` names what runs
    already, as `hyperleak init` takes it.
    """

    commands: frozenset[str]
    folder: Path | None = None
    page: Path | None = None
    scenario: Path | None = None
    budget_s: float | None = None
    threshold_bytes: float | None = None
    running: str = ""


def next_steps(verdict: Verdict, origin: Origin) -> list[Step]:
    """The most useful first; none where there is nothing to do."""
    page = [Step("see the curves in a browser", str(origin.page))] if origin.page else []
    rest = (*_answers(verdict, origin), *_for_machines(verdict, origin))
    return [*page, *_begin(verdict, origin), *_measure_again(verdict, origin), *rest]


def _begin(verdict: Verdict, origin: Origin) -> Iterable[Step]:
    """A first look names no holder, and sees nothing that only load shows."""
    if origin.running and verdict.outcome != "clean" and {"init", "run"} <= origin.commands:
        yield Step("a scenario of it", f"hyperleak init {origin.running}")
        yield Step("what holds the memory, and what only load shows", "hyperleak run scenario.yaml")


def _for_machines(verdict: Verdict, origin: Origin) -> Iterable[Step]:
    if origin.folder is not None and leaks(verdict) and "report" in origin.commands:
        yield Step("the leak on its line, for CI", f"hyperleak report {_word(origin.folder)} -f sarif")


def _measure_again(verdict: Verdict, origin: Origin) -> Iterable[Step]:
    open_ones = [endpoint for endpoint in verdict.endpoints if endpoint.verdict == "inconclusive"]
    if origin.scenario is None:
        return
    scenario = _word(origin.scenario)
    if verdict.outcome == "leak":
        if "bisect" in origin.commands:
            yield Step("find the commit", f"hyperleak bisect --good GOOD_REV --bad HEAD {scenario}")
        if "compare" in origin.commands and origin.folder is not None:
            yield Step("when it is fixed", f"hyperleak run {scenario}")
            yield Step("and against this run", f"hyperleak compare {_word(origin.folder)} NEW_RUN")
    if open_ones and origin.budget_s:
        yield from _longer(open_ones, origin, scenario)


def _longer(open_ones: list[EndpointVerdict], origin: Origin, scenario: str) -> Iterable[Step]:
    growing = any(endpoint.ci95[0] > 0 for endpoint in open_ones)
    times = _times(open_ones, origin.threshold_bytes)
    budget = format_duration((origin.budget_s or 0.0) * times)
    yield Step(
        _GROWING if growing else "more time sees smaller leaks",
        f"hyperleak run {scenario} --budget {budget}",
    )
    seen = _detectable(open_ones)
    if seen and origin.threshold_bytes and seen > origin.threshold_bytes:
        yield Step(
            "or be content with larger leaks", f"hyperleak run {scenario} --threshold {math.ceil(seen / 8) * 8}B"
        )
    if "plan" in origin.commands and origin.threshold_bytes:
        leak = f"{2 * origin.threshold_bytes:.0f}B"
        yield Step("how long would be enough", f"hyperleak plan {scenario} --leak {leak}")


def _times(open_ones: list[EndpointVerdict], threshold_bytes: float | None) -> float:
    """How much longer: what can be detected falls with the root of the time."""
    seen = _detectable(open_ones)
    wanted = (seen / threshold_bytes) ** 2 if seen and threshold_bytes else 2.0
    return float(min(max(2.0, 2 ** math.ceil(math.log2(wanted)) if wanted > 0 else 2.0), MOST_TIMES))


def _detectable(open_ones: list[EndpointVerdict]) -> float:
    """The smallest leak that would have been seen at every one of them; 0 where nothing says so."""
    seen = [endpoint.detectable_bytes_per_request or 0.0 for endpoint in open_ones]
    return max((size for size in seen if is_known(size)), default=0.0)


def _answers(verdict: Verdict, origin: Origin) -> Iterable[Step]:
    """An endpoint that isn't answered as it should be is hardly the one that was meant."""
    failing = [endpoint for endpoint in verdict.endpoints if endpoint.failures]
    if not failing:
        return
    statuses = sorted({status for endpoint in failing for status in endpoint.failures if status.isdigit()})
    if statuses and origin.scenario is not None:
        yield Step(f"if {', '.join(statuses)} is right", f"expect: {statuses[0]}   # at the endpoint in the scenario")
    if origin.folder is not None:
        yield Step("what the app said", str(origin.folder / "logs"))


def _word(path: Path) -> str:
    return shlex.quote(str(path))
