"""What outside tools say of a guilty endpoint."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.model.base import Value

ToolName = Literal["valgrind", "massif", "xhprof", "memprof", "reli", "blackfire"]
ToolStatus = Literal["told", "absent", "failed", "timed out", "unreadable"]


class DiagnosePlan(Value):
    """Which tools look at the endpoints that leak, and how.

    `requests` go to each endpoint on one fresh target and twice as many on another; `environment` is set over the
    target's own (one worker, say); `limit_s` is the time of each of the two targets.
    """

    tools: tuple[ToolName, ...] = ()
    environment: dict[str, str] = {}
    requests: Annotated[int, Field(ge=1, le=100_000)] = 50
    limit_s: Annotated[float, Field(gt=0)] = 120.0


class Suspect(Value):
    """What a tool saw grow with the number of requests.

    `where` is the innermost name that is the app's or an extension's own; `stack` goes from there outwards, `kind` is
    the tool's own word for it ("definitely lost", "still reachable" …). `calls_per_request` None: it counts none.
    """

    where: str
    bytes_per_request: float
    calls_per_request: float | None
    kind: str = ""
    file: str | None = None
    line: int | None = None
    stack: tuple[str, ...] = ()


class ToolReport(Value):
    """One tool on one endpoint: two fresh targets, `requests` and twice as many, what grew between the two.

    `message` says what was missing or went wrong and what to do about it. `raw` are the tool's own files and `exports`
    what was made of them for other programs, relative to the run's folder.
    """

    tool: ToolName
    endpoint: str
    status: ToolStatus
    message: str = ""
    requests: Annotated[int, Field(ge=0)] = 0
    suspects: tuple[Suspect, ...] = ()
    notes: tuple[str, ...] = ()
    raw: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    took_s: float = 0.0


class Diagnosis(Value):
    """All second opinions of a run, kept as `diagnosis.json` in its folder."""

    schema_version: Literal[1] = 1
    run_id: str
    reports: tuple[ToolReport, ...] = ()

    def with_report(self, report: ToolReport) -> Diagnosis:
        """The same with a report more, in place of an older one of that tool on that endpoint."""
        others = [old for old in self.reports if (old.tool, old.endpoint) != (report.tool, report.endpoint)]
        return self.model_copy(update={"reports": (*others, report)})

    def merged(self, newer: Diagnosis) -> Diagnosis:
        """The same with the reports of another one, in place of older ones."""
        found = self
        for report in newer.reports:
            found = found.with_report(report)
        return found
