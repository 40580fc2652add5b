"""What a monitoring system's memory says, in words; never that something leaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.model.remote import RemoteTrend, TrendAnswer
from harness.report.printable import one_line
from harness.report.wording import number, size_of

_ANSWERS: Final[dict[TrendAnswer, str]] = {
    "grows": "grows with the requests",
    "flat": "doesn't grow",
    "stopped": "grew at first, then stopped",
    "unclear": "could not tell",
}


def render_remote(trend: RemoteTrend) -> str:
    """One sentence, then what has to be known beside it."""
    return "\n".join((_answer(trend), *(f"• {note}" for note in _remarks(trend))))


def _answer(trend: RemoteTrend) -> str:
    where = one_line(f"{trend.expression} of {trend.service}, {trend.instance}")
    measured = f"{trend.points} minutes, {trend.requests:,} requests"
    if trend.bytes_per_request is None or trend.limits is None:
        return f"{where}: {_ANSWERS[trend.answer]} ({measured})"
    low, high = trend.limits
    limits = f"{100 * trend.confidence:.4g}% limits {number(low)} … {number(high)}"
    size = f"{size_of(trend.bytes_per_request)}/request ({limits})"
    return f"{where}: {_ANSWERS[trend.answer]}: {size}, {measured}"


def _remarks(trend: RemoteTrend) -> Iterator[str]:
    if trend.idle_bytes_per_second is not None:
        yield f"with time alone {size_of(round(trend.idle_bytes_per_second, 1))}/s"
    yield from trend.notes
