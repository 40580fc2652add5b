"""The program that makes one run of a campaign: `python -m harness.cli.one_run`, its order on standard input.

It ends with the campaign: one that is killed leaves no run going on behind its back.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from typing import Final

import click

from harness import exit_codes
from harness.campaign.order import Order
from harness.campaign.perform import perform
from harness.cli.interrupts import Interrupts
from harness.model.verdict import Verdict
from harness.report.printable import printable
from harness.run import Watcher

_PR_SET_PDEATHSIG: Final = 1


def main() -> int:
    order = Order.model_validate_json(sys.stdin.buffer.read())
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != order.parent_pid:
        return exit_codes.INTERRUPTED
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    with Interrupts() as interrupts:
        watcher = Watcher(
            phase=_say,
            sample=lambda _sample: None,
            look=_look,
            stop_asked=interrupts.asked,
            measured=interrupts.hold,
        )
        return perform(order, watcher).exit_code


def _say(text: str) -> None:
    click.echo(printable(text), err=True)


def _look(verdict: Verdict) -> None:
    leaks = sum(endpoint.verdict == "leak" for endpoint in verdict.endpoints)
    _say(f"after {sum(endpoint.requests for endpoint in verdict.endpoints):,} requests: {leaks} leaks")


if __name__ == "__main__":
    sys.exit(main())
