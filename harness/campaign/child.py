"""A run's process as the campaign sees it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from harness.campaign.folder import OUTCOME, read_outcome, write_whole
from harness.campaign.order import Order
from harness.exit_codes import COULD_NOT_MEASURE, INTERRUPTED
from harness.model.campaign import Attempt, Outcome, Slot

LOG: Final = "run.log"
_LAST_WORDS_BYTES: Final = 2000
_AT_ONCE: Final = 2


class Child:
    """Started at once, in a session of its own: a terminal's Ctrl-C reaches it through the campaign alone."""

    def __init__(self, program: Sequence[str], order: Order, slot: Slot, variables: Mapping[str, str]) -> None:
        self.slot = slot
        self.engine = order.engine
        self.run_id = order.run_id
        self.folder = order.folder
        self.began_s = time.monotonic()
        self.cut_off = False
        self._asked_to_stop = 0
        with (order.folder / LOG).open("wb") as log:
            self._process = subprocess.Popen(
                program,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=_environment(order.engine, variables),
                start_new_session=True,
            )
        self._pidfd = os.pidfd_open(self._process.pid)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(order.model_dump_json().encode())

    def fileno(self) -> int:
        """Readable when the process has ended."""
        return self._pidfd

    def ask_to_stop(self) -> None:
        """Once: it finishes its window and analyses; twice: it stops at once.

        By two signals, as two of a kind may arrive as one.
        """
        self._process.send_signal(signal.SIGTERM if self._asked_to_stop else signal.SIGINT)
        self._asked_to_stop += 1

    def stop_at_once(self) -> None:
        while self._asked_to_stop < _AT_ONCE:
            self.ask_to_stop()

    def kill(self) -> None:
        self._process.kill()

    def collect(self) -> Attempt:
        """How it ended, which is written for it where it was `cut_off` before. Raises StorageError."""
        code = self._process.wait()
        os.close(self._pidfd)
        outcome = read_outcome(self.folder)
        self.cut_off = outcome is None
        if outcome is None:
            outcome = self._unforeseen(code)
            write_whole(self.folder / OUTCOME, outcome)
        return Attempt(folder=self.folder, number=int(self.folder.name.rpartition(".")[2]), outcome=outcome)

    def _unforeseen(self, code: int) -> Outcome:
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        stopped = Outcome(exit_code=INTERRUPTED, error="stopped at once")
        died = Outcome(
            exit_code=COULD_NOT_MEASURE, error=f"the run's process {how}\n{_last_words(self.folder)}".strip()
        )
        ended = stopped if self._asked_to_stop else died
        took_s = round(time.monotonic() - self.began_s, 3)
        return ended.model_copy(update={"engine": self.engine, "took_s": took_s})


def wait_for_any(children: Iterable[Child], timeout_s: float) -> list[Child]:
    """Those that have ended, after at most so long."""
    ended, _, _ = select.select(list(children), [], [], timeout_s)
    return ended


def _environment(engine: str, variables: Mapping[str, str]) -> dict[str, str]:
    return os.environ | dict(variables) | ({"DOCKER_HOST": engine} if engine else {})


def _last_words(folder: Path) -> str:
    with suppress(OSError):
        return (folder / LOG).read_bytes()[-_LAST_WORDS_BYTES:].decode("utf-8", "replace")
    return ""
