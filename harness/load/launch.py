"""Runs Locust so that it can't outlive the harness: `python -m harness.load.launch [Locust's options]`.

A thread of the system's own, started before gevent and Locust are even imported, waits for the end of the channel that
was inherited from the harness. However busy the process is then, it ends.
"""

from __future__ import annotations

import _thread
import os
import runpy
import sys
from select import poll
from time import sleep

CONTROL_VARIABLE = "HYPERLEAK_CONTROL_FD"
GOODBYE_S = 0.4


def main() -> None:
    """On a machine without the harness there is no such channel."""
    descriptor = os.environ.get(CONTROL_VARIABLE)
    if descriptor:
        _thread.start_new_thread(_end_with_harness, (int(descriptor),))
    runpy.run_module("locust", run_name="__main__", alter_sys=True)


def _end_with_harness(descriptor: int) -> None:
    """The names imported above are the originals: gevent's patches come later and don't reach them."""
    hang_up = poll()
    hang_up.register(descriptor, 0)
    hang_up.poll()
    if "--master" in sys.argv:
        sleep(GOODBYE_S)  # in which it dismisses the workers on other machines
    os._exit(0)


if __name__ == "__main__":
    main()
