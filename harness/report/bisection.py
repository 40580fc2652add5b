"""The answer of a search for a commit, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.text import Text

from harness.model.bisection import Bisection, Commit, Difference
from harness.report.printable import one_line
from harness.report.wording import CAUSES, place, share, size_of

_MOST_LISTED = 10
_DID = {"leak": "BROUGHT", "fix": "FIXED"}
_STYLES = {"leak": "bold red", "fix": "bold green"}


def bisection_lines(result: Bisection, *, folder: Path, log: Path) -> Iterator[str]:
    """What follows the headline; `folder` is where the search is kept, `log` what git replays."""
    yield from map(one_line, _lines(result))
    yield f"\nKept in {folder}"
    if result.log:
        yield f"To go through it in your checkout: git bisect replay {log}"


def bisection_headline(result: Bisection) -> Text:
    """One line that names the commit, or says that none can be named."""
    did, find = _DID[result.search.find], result.search.find
    if result.commit is not None:
        return Text(f"{did} BY {result.commit.sha[:12]} {one_line(result.commit.subject)}", style=_STYLES[find])
    if result.candidates:
        return Text(f"INCONCLUSIVE: {did.lower()} by one of {len(result.candidates)} commits", style="yellow")
    return Text("INCONCLUSIVE: the two revisions can't be told apart", style="yellow")


def _lines(result: Bisection) -> Iterator[str]:
    if result.commit is not None:
        yield from _commit_lines(result.commit)
    if result.difference is not None:
        yield from _endpoint_lines(result, result.difference)
    for commit in result.candidates[:_MOST_LISTED]:
        yield f"  {commit.sha[:12]} {commit.author_date:%Y-%m-%d} {commit.author}: {commit.subject}"
    if len(result.candidates) > _MOST_LISTED:
        yield f"  … and {len(result.candidates) - _MOST_LISTED} more"
    yield (
        f"{result.measured_commits} commits measured, {result.skipped_commits} skipped, "
        f"{result.confirmation_runs} confirming runs"
    )
    yield from (f"• {note}" for note in result.notes)


def _commit_lines(commit: Commit) -> Iterator[str]:
    yield f"  {commit.author}, {commit.author_date:%Y-%m-%d %H:%M %z}"
    listed = ", ".join(commit.files[:_MOST_LISTED])
    more = f" and {len(commit.files) - _MOST_LISTED} more" if len(commit.files) > _MOST_LISTED else ""
    if listed:
        yield f"  {listed}{more}"


def _endpoint_lines(result: Bisection, difference: Difference) -> Iterator[str]:
    before, after = result.before_bytes_per_request, result.after_bytes_per_request
    if before is not None and after is not None:
        yield f"  {difference.endpoint}: {size_of(before)}/request before, {size_of(after)}/request after"
    if result.cause != "unknown":
        yield f"  {CAUSES[result.cause]}"
    if difference.others:
        yield f"  these differ between the two revisions too (--endpoint): {', '.join(difference.others)}"
    for holder in result.holders:
        where = f", {place(holder)}" if holder.file else ""
        yield f"  {holder.path}{where}: {share(holder)}"
