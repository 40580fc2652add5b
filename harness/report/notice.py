"""Verdicts as a short message: the answer first, then who leaks and what holds it, then where the rest is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from harness.model.notice import Notice, Severity
from harness.model.verdict import Verdict
from harness.report.printable import one_line
from harness.report.terminal import headline
from harness.report.wording import leaks, place, scenario_of, share, story

# The least that a chat takes (WeCom: 2,048 bytes with the title).
MOST_BYTES: Final = 1800
_MOST_ENDPOINTS: Final = 5
_MOST_HOLDERS: Final = 2
_LONGEST_LINE: Final = 300
_WORST_FIRST: Final[tuple[Severity, ...]] = ("leak", "open", "clean")
_SEVERITIES: Final[dict[str, Severity]] = {"leak": "leak", "inconclusive": "open", "clean": "clean"}


class Told(NamedTuple):
    """A run to tell of; `error` is said of one that has no verdict. `where` is its folder, if there is one."""

    scenario: str
    verdict: Verdict | None
    where: str = ""
    error: str = ""

    @property
    def severity(self) -> Severity:
        return _SEVERITIES[self.verdict.outcome] if self.verdict else "open"


def told_of(verdict: Verdict, where: str) -> Told:
    return Told(scenario_of(verdict.run_id), verdict, where)


def render_notice(runs: Sequence[Told], *, link: str = "") -> Notice:
    """One message for all `runs` (at least one), the worst first; `link` is where people find more."""
    ordered = sorted(runs, key=lambda run: _WORST_FIRST.index(run.severity))
    lines: list[str] = []
    for run in ordered:
        lines += [one_line(run.scenario), *_story(run), ""] if len(ordered) > 1 else _story(run)
    body = bounded_text(lines, [link] if link else [])
    return Notice(title=_title(ordered), body=body, severity=ordered[0].severity)


def _title(runs: Sequence[Told]) -> str:
    if len(runs) == 1:
        return f"hyperleak: {_answer(runs[0])}: {one_line(runs[0].scenario)}"
    leaking = sum(run.severity == "leak" for run in runs)
    unknown = sum(run.severity == "open" for run in runs)
    found = [f"{leaking} of {len(runs)} leak"] * bool(leaking) + [f"{unknown} could not tell"] * bool(unknown)
    return f"hyperleak: {', '.join(found) or f'all {len(runs)} clean'}"


def _answer(run: Told) -> str:
    return run.verdict.outcome.upper() if run.verdict else "COULD NOT MEASURE"


def _story(run: Told) -> list[str]:
    if run.verdict is None:
        lines = [f"COULD NOT MEASURE: {one_line(run.error)}"]
    else:
        lines = [headline(run.verdict).plain, *_leaking(run.verdict)]
    return [*lines, one_line(run.where)] if run.where else lines


def _leaking(verdict: Verdict) -> Iterable[str]:
    found = leaks(verdict)
    for endpoint in found[:_MOST_ENDPOINTS]:
        yield one_line(f"• {endpoint.name} {story(endpoint)}")
        for holder in endpoint.holders[:_MOST_HOLDERS]:
            where = f", {place(holder)}" if holder.file else ""
            yield one_line(f"  {holder.path}{where}: {share(holder)}")
    if len(found) > _MOST_ENDPOINTS:
        yield f"• … and {len(found) - _MOST_ENDPOINTS:,} more"


def _shortened(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"


def bounded_text(lines: Sequence[str], last: Sequence[str]) -> str:
    """As many lines as a chat takes, long ones shortened; what comes `last` is there in any case."""
    kept = [_shortened(line) for line in lines]
    while kept and len("\n".join((*kept, "…", *last)).encode()) > MOST_BYTES:
        kept.pop()
    more = ["…"] if len(kept) < len(lines) else []
    return "\n".join((*kept, *more, *last)).strip()
