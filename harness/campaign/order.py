"""What a run of a campaign is told, which is made in a process of its own."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from harness.model.base import Value
from harness.model.scenario import Scenario


class Order(Value):
    """Goes to the run's standard input: it may hold passwords, which neither files nor arguments keep secret.

    `folder` is there already; the run ends when the process `parent_pid` does.
    """

    scenario: Scenario
    folder: Path
    run_id: str
    engine: str = ""
    parent_pid: int


def new_run_id(scenario: str) -> str:
    """Of the form that every run's has: its scenario, the time, something random."""
    return f"{scenario}-{datetime.now(UTC):%Y%m%dt%H%M%Sz}-{secrets.token_hex(3)}"
