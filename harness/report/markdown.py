"""Markdown for a job's summary or a pull request's comment: the answer, the table, who holds the memory.

Everything that comes from the target is written as code or as character references, so it can't make markup, links,
mentions of people or columns of its own (GitHub Flavored Markdown, sections 4.10, 6.2 and 6.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from harness.model.verdict import EndpointVerdict, Verdict
from harness.report.printable import one_line
from harness.report.terminal import headline
from harness.report.wording import (
    CAUSES,
    CHANNELS,
    endpoint_remarks,
    leaks,
    limits,
    number,
    place,
    run_remarks,
    share,
    size_of,
    worst_first,
)

# A comment may have 65,536 characters: long names are shortened, and a long table ends after its worst rows.
LONGEST_NAME: Final = 160
LONGEST_SENTENCE: Final = 600
MOST_ROWS: Final = 150
MOST_REMARKS: Final = 20

_SIGNS: Final = {"leak": "🔴", "inconclusive": "🟡", "garbage": "🔵", "bounded": "🔵", "clean": "🟢"}
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
# Escapes, emphasis, code, links, HTML, tables, mentions, references, mathematics, footnotes; links without any mark.
_MARKUP = re.compile(r"[\\*_`\[\]<>&|~@#$^{}!]|:(?=\S)|\.(?<=www\.)", re.IGNORECASE)
# What would begin a list, a heading's underline or a quotation.
_FIRST = re.compile(r"^(?:[-+=]|\d+[.)])")


def render_markdown(verdict: Verdict) -> str:
    parts = [f"### {prose(headline(verdict).plain)}", "\n".join(_table(verdict))]
    for title, lines in (("Held by", list(_holders(verdict))), ("Remarks", list(_remarks(verdict)))):
        parts += [f"**{title}**", "\n".join(lines)] if lines else []
    return "\n\n".join(parts) + "\n"


def _table(verdict: Verdict) -> Iterable[str]:
    yield "| | endpoint | verdict | B/request | 95% limits | requests |"
    yield "|---|---|---|---:|---:|---:|"
    ordered = worst_first(verdict.endpoints)
    for endpoint in ordered[:MOST_ROWS]:
        yield _row(endpoint)
    if len(ordered) > MOST_ROWS:
        rest = {endpoint.verdict for endpoint in ordered[MOST_ROWS:]}
        yield f"\n… and {len(ordered) - MOST_ROWS:,} more endpoints: {', '.join(sorted(rest))}."


def _row(endpoint: EndpointVerdict) -> str:
    cells = (
        _SIGNS[endpoint.verdict],
        cell(endpoint.name),
        endpoint.verdict,
        number(endpoint.bytes_per_request),
        limits(endpoint),
        f"{endpoint.requests:,}",
    )
    return f"| {' | '.join(cells)} |"


def _holders(verdict: Verdict) -> Iterable[str]:
    found = leaks(verdict)
    for endpoint in found[:MOST_REMARKS]:
        size, channel = size_of(endpoint.bytes_per_request), CHANNELS[endpoint.channel]
        yield f"- {code(endpoint.name)} leaks **{size}/request** in {channel}: {CAUSES[endpoint.cause]}"
        for holder in endpoint.holders:
            where = f" in {code(place(holder))}" if holder.file else ""
            yield f"  - {code(holder.path)}{where}: {share(holder)}"
    if len(found) > MOST_REMARKS:
        yield f"- … and {len(found) - MOST_REMARKS:,} more leaks"


def _remarks(verdict: Verdict) -> Iterable[str]:
    said = [
        f"- {code(endpoint.name)}: {prose(remark)}"
        for endpoint in worst_first(verdict.endpoints)
        for remark in endpoint_remarks(endpoint)
    ]
    said += [f"- {prose(remark)}" for remark in run_remarks(verdict)]
    yield from said[:MOST_REMARKS]
    if len(said) > MOST_REMARKS:
        yield f"- … and {len(said) - MOST_REMARKS:,} more remarks"


def code(text: str) -> str:
    """Code, where Markdown means nothing; what a code span can't hold is written out between HTML's tags."""
    shown = _shortened(one_line(text), LONGEST_NAME)
    if "`" in shown or not shown or shown != shown.strip():
        return f"<code>{_referenced(_PUNCTUATION, shown)}</code>"
    return f"`{shown}`"


def cell(text: str) -> str:
    """The same in a table, whose rows are split before code is looked for."""
    shown = _shortened(one_line(text), LONGEST_NAME)
    return f"<code>{_referenced(_PUNCTUATION, shown)}</code>" if re.search(r"[|\\]", shown) else code(text)


def prose(text: str) -> str:
    shown = _shortened(one_line(text), LONGEST_SENTENCE).strip()
    return _referenced(_FIRST, _referenced(_MARKUP, shown))


def _referenced(pattern: re.Pattern[str], text: str) -> str:
    """The last character of every match as a numeric reference."""
    return pattern.sub(lambda match: f"{match[0][:-1]}&#{ord(match[0][-1])};", text)


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
