"""A message for people who aren't at the terminal."""

from __future__ import annotations

from typing import Literal

from harness.model.base import Value

Severity = Literal["leak", "open", "clean"]


class Notice(Value):
    """Plain text, the answer first; `severity` picks the colour or the sign that a service shows beside it."""

    title: str
    body: str
    severity: Severity
