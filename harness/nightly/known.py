"""Leaks that people know of: a file that says which don't fail, why, and until when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from harness.model.comparison import EndpointComparison, KnownLeak
from harness.model.verdict import EndpointOutcome, Verdict
from harness.scenario.fields import source_text
from harness.scenario.nodes import Items, described
from harness.scenario.nodes import Mapping as MappingNode
from harness.scenario.problems import START, Mistake, Problems
from harness.scenario.report import Report, Steps, suggestion
from harness.scenario.source_file import read_source
from harness.scenario.yaml_source import parse_yaml

MAX_BYTES = 1024 * 1024
KEYS: Final = ("endpoint", "holder", "reason", "expires")
_WHAT, _START = "file of known leaks", "start with `known:` and a list of leaks under it"
_ADVICE = "write it like {endpoint: GET /orders, reason: …, expires: 2026-12-31}"


@dataclass(frozen=True)
class KnownLeaks:
    """The leaks of a file, in its order."""

    leaks: tuple[KnownLeak, ...] = ()

    def reason(self, endpoint: str, holders: Iterable[str]) -> str | None:
        """Why this leak doesn't fail; None for one that nobody knows of."""
        paths = tuple(holders)
        return next((leak.reason for leak in self.leaks if _fits(leak, endpoint, paths)), None)

    def mark_comparison(self, endpoint: EndpointComparison) -> EndpointComparison:
        """The endpoint with its reason, where it is worse than before and known to be."""
        if endpoint.outcome not in ("regression", "inconclusive", "not_comparable") or endpoint.candidate is None:
            return endpoint
        return endpoint.model_copy(update={"known": self.reason(endpoint.name, endpoint.candidate.holders)})

    def mark_verdict(self, verdict: Verdict, expected: Mapping[str, EndpointOutcome]) -> Verdict:
        """The verdict with the reasons of the leaks that are known; those that the scenario expects need none."""
        endpoints = tuple(
            e.model_copy(update={"known": self.reason(e.name, [holder.path for holder in e.holders])})
            if e.verdict == "leak" and expected.get(e.name) != "leak"
            else e
            for e in verdict.endpoints
        )
        notes = (*verdict.notes, *self.unused(e.name for e in endpoints if e.known is not None))
        return verdict.model_copy(update={"endpoints": endpoints, "notes": notes})

    def unused(self, suppressed: Iterable[str]) -> tuple[str, ...]:
        """A remark where leaks are listed and none of them was seen: the list may be shortened."""
        names = tuple(suppressed)
        if names or not self.leaks:
            return ()
        return (f"none of the {len(self.leaks)} known leaks was needed: look whether they are fixed",)


def without_known(verdict: Verdict) -> Verdict:
    """The verdict to judge by: leaks that are known count as clean, in the outcome too."""
    if all(endpoint.known is None for endpoint in verdict.endpoints):
        return verdict
    endpoints = tuple(e if e.known is None else e.model_copy(update={"verdict": "clean"}) for e in verdict.endpoints)
    found = {endpoint.verdict for endpoint in endpoints}
    together = verdict.outcome == "leak" and not any(e.verdict == "leak" for e in verdict.endpoints)
    outcome = "leak" if "leak" in found or together else "inconclusive" if "inconclusive" in found else "clean"
    return verdict.model_copy(update={"endpoints": endpoints, "outcome": outcome})


def load_known(path: Path, today: date) -> KnownLeaks:
    """The known leaks of a YAML file. Raises InputError with every mistake, and for what has expired by `today`."""
    problems = Problems(str(path))
    try:
        text = read_source(path, what=_WHAT, max_bytes=MAX_BYTES)
    except Mistake as mistake:
        raise problems.failure(mistake.mark or START, mistake.what, mistake.to_do) from None
    root = parse_yaml(text, None, problems, what=_WHAT, start=_START)
    report = Report(root, problems)
    for key in root.entries:
        if key != "known":
            report.add((key,), _unknown(key, ("known",)), key=True)
    if "known" not in root.entries:
        report.add((), Mistake("known is missing", _START))
    leaks = _leaks(report, root, today)
    problems.raise_if_any()
    return KnownLeaks(leaks)


def _leaks(report: Report, root: MappingNode, today: date) -> tuple[KnownLeak, ...]:
    node = root.entries["known"].node if "known" in root.entries else None
    if not isinstance(node, Items):
        if node is not None:
            report.add(("known",), Mistake(f"expected a list, found {described(node)}", _ADVICE))
        return ()
    read = (_leak(report, item, ("known", index), today) for index, item in enumerate(node.items))
    return tuple(leak for leak in read if leak is not None)


def _leak(report: Report, node: Any, path: Steps, today: date) -> KnownLeak | None:
    """One leak; None where it has a mistake, which is reported."""
    if not isinstance(node, MappingNode):
        report.add(path, Mistake(f"expected a mapping, found {described(node)}", _ADVICE))
        return None
    found: dict[str, Any] = {}
    for key, entry in node.entries.items():
        try:
            found[key] = _value(key, entry.node, today)
        except Mistake as mistake:
            report.add((*path, key), mistake, key=key not in KEYS)
    if {"endpoint", "holder"}.isdisjoint(node.entries):
        report.add(path, Mistake("neither endpoint nor holder is here", "say which leak is meant; `*` fits any text"))
    for key in ("reason", "expires"):
        if key not in node.entries:
            report.add(path, Mistake(f"{key} is missing", _ADVICE))
    whole = {"reason", "expires"} <= found.keys() and not {"endpoint", "holder"}.isdisjoint(found)
    return KnownLeak(**found) if whole else None


def _value(key: str, node: Any, today: date) -> str | date:
    if key not in KEYS:
        raise _unknown(key, KEYS)
    text = source_text(node).strip()
    return _expiry(text, today) if key == "expires" else text


def _expiry(text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Mistake(f"{text[:40]!r} is not a day", "write it like 2026-12-31") from None
    if day < today:
        raise Mistake(f"expired on {day}", "fix the leak, or decide anew and give it a later day")
    return day


def _unknown(key: str, known: tuple[str, ...]) -> Mistake:
    otherwise = f"the keys here are {', '.join(known)}"
    return Mistake("this key is not known", suggestion(key, known, otherwise=otherwise))


def _fits(leak: KnownLeak, endpoint: str, holders: tuple[str, ...]) -> bool:
    named = leak.endpoint is None or _matches(leak.endpoint, endpoint)
    return named and (leak.holder is None or any(_matches(leak.holder, path) for path in holders))


def _matches(pattern: str, text: str) -> bool:
    """`*` alone has a meaning: question marks and brackets are part of paths."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
