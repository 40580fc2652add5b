"""What the known causes look like in an app's source: findings of `hyperleak review`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.model.base import Value
from harness.model.verdict import Cause

Likelihood = Literal["measured", "likely", "possible"]


class Finding(Value):
    """A place in the source that may keep memory of every request.

    `holder` is written as the census writes it (`App\\Cache::$items`, `App\\Log->lines`, `$GLOBALS['x']`), empty where
    nothing holds by itself. `rule` is the name a suppression uses. "measured": a run named this holder, with
    `bytes_per_request` for `endpoint`; "likely": in a request's path; "possible": not shown to be in one, or by a key
    that may have few values. `suppressed` is the reason given beside the line.
    """

    rule: str
    cause: Cause
    file: str
    line: Annotated[int, Field(ge=1)]
    column: Annotated[int, Field(ge=1)]
    function: str
    holder: str = ""
    message: str
    likelihood: Likelihood = "likely"
    endpoint: str = ""
    bytes_per_request: float | None = None
    suppressed: str = ""


class Review(Value):
    """All findings under `folder`, the worst first; `unread` are files with the reason why they weren't read."""

    schema_version: Literal[1] = 1
    folder: str
    files: int
    lines: int
    findings: tuple[Finding, ...]
    unread: dict[str, str] = {}
    run_id: str = ""
