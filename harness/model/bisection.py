"""What a search for the commit that brought or fixed a leak measured, and what it found."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from harness.model.base import Value
from harness.model.verdict import Cause, Channel, EndpointVerdict, Holder

Find = Literal["leak", "fix"]
Finding = Literal["leaks", "clean", "skipped"]
Purpose = Literal["end", "step", "confirmation"]


class Commit(Value):
    """`files` are those that it changed (a merge: against its first parent), where that was asked for."""

    sha: str
    author: str
    author_date: datetime
    subject: str
    parents: tuple[str, ...]
    files: tuple[str, ...] = ()


class Tested(Value):
    """One measurement of one commit. "skipped" as git skips: it can't be told, and `reason` says why.

    `by` is the stage that decided, "" where none did. `load_s`: seconds under load; `duration_s`: all of it, the build
    and the start included. `run` is the run's folder.
    """

    commit: str
    purpose: Purpose
    finding: Finding
    by: Literal["screening", "load", ""] = ""
    bytes_per_request: float | None = None
    requests: int = 0
    load_s: float = 0.0
    duration_s: float = 0.0
    reason: str = ""
    run: str = ""
    endpoints: tuple[EndpointVerdict, ...] = ()


class Difference(Value):
    """What tells the two ends apart: one endpoint, and a size halfway between what it keeps at either.

    `screening_tells`: one request at a time tells them apart just as load does. `others` are endpoints that differ too.
    """

    endpoint: str
    clean_bytes_per_request: float
    leaking_bytes_per_request: float
    threshold_bytes_per_request: float
    channel: Channel
    screening_tells: bool
    others: tuple[str, ...] = ()


class Search(Value):
    """What was asked for. Revisions are full commit ids; `scenario_digest` tells a changed scenario from the same."""

    find: Find
    repository: str
    scenario: str
    scenario_digest: str
    good: str
    bad: str
    endpoint: str | None = None

    @property
    def older(self) -> str:
        return self.good if self.find == "leak" else self.bad

    @property
    def newer(self) -> str:
        return self.bad if self.find == "leak" else self.good


class Progress(Value):
    """Everything that a search needs to go on after it was killed."""

    version: Literal[1] = 1
    search: Search
    tested: tuple[Tested, ...] = ()
    finished: bool = False


class Bisection(Value):
    """The answer. "found": `commit` is the one; "not_defendable": it is among `candidates`, the newest first.
    `difference` None: the ends can't be told apart, so there are no candidates either.

    `before` and `after` are what the endpoint keeps a request on either side of the commit (of the candidates), by the
    confirming runs; `holders` and `cause` are those of the leaking side. `measured_commits` counts commits that were
    measured at the ends and on the way, `skipped_commits` those that could not be, `confirmation_runs` the runs after.
    `log` is what `git bisect replay` takes.
    """

    schema_version: Literal[1] = 1
    kind: Literal["bisection"] = "bisection"
    outcome: Literal["found", "not_defendable"]
    search: Search
    difference: Difference | None = None
    commit: Commit | None = None
    candidates: tuple[Commit, ...] = ()
    before_bytes_per_request: float | None = None
    after_bytes_per_request: float | None = None
    holders: tuple[Holder, ...] = ()
    cause: Cause = "unknown"
    measured_commits: int = 0
    skipped_commits: int = 0
    confirmation_runs: int = 0
    tested: tuple[Tested, ...] = ()
    log: str = ""
    notes: tuple[str, ...] = ()
