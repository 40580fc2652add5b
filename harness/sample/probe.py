"""Asks the probe inside of the app's PHP workers: a request file, a signal, and a file with the answer of each process.

The signal's handler runs when a process next runs PHP, so the caller's `poke` sends a request to those that are idle.
A process that never runs PHP (master, manager, idle task worker) stays silent: it is said, signalled more and more
rarely (PHP queues 32 signals and drops the app's own after that), and not waited for again until it answers. One that
is known to have run PHP since, and so has taken its signals, is waited for again, though more and more rarely too.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import signal as signals
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from harness.closing import Closing
from harness.errors import SampleError
from harness.model.census import Census, ProbeInjection, SettleAnswer
from harness.sample.silence import Silence

DEFAULT_SIGNAL = 60
"""Not Swoole's (SIGRTMIN), PHP's timer, glibc's and musl's (32 to 35), valgrind's (64) nor systemd's (below 60)."""

CENSUS_LIMIT_S = 0.1
ANSWER_LIMIT_BYTES = 64 << 20

_INI_NAME = "zz-hyperleak.ini"
_PHP = Path(__file__).parents[1] / "probe"
_FIRST_POKE_S = 0.003
_POKE_EVERY_S = 0.01
_POLL_S = 0.0005
_CENSUS_TRIES = 3

_Answer = TypeVar("_Answer", bound=SettleAnswer)


def prepare_probe(directory: Path, *, signal: int | None = None, inside: str | None = None) -> ProbeInjection:
    """Writes the probe's files into `directory` (made if need be, removed by the caller) and says what a target needs.

    `inside`: where the app will see the folder, if it isn't the same path. `signal` must be one that neither the app
    nor Swoole handles (default 60, between SIGRTMIN and SIGRTMAX).
    """
    chosen = DEFAULT_SIGNAL if signal is None else signal
    if not signals.SIGRTMIN < chosen <= signals.SIGRTMAX and chosen not in (signals.SIGUSR1, signals.SIGUSR2):
        raise SampleError(
            f"signal {chosen} can't be the probe's",
            hint=f"choose one from {signals.SIGRTMIN + 1} to {int(signals.SIGRTMAX)} that the app doesn't handle",
        )
    where = str(directory.resolve()) if inside is None else inside.rstrip("/")
    files = {f"php/{source.name}": source.read_bytes() for source in sorted(_PHP.glob("*.php"))}
    files[f"ini/{_INI_NAME}"] = f'auto_prepend_file="{where}/php/prepend.php"\n'.encode()
    for name, content in files.items():
        _write_readable(directory / name, content)
    (directory / "answers").mkdir(exist_ok=True)
    (directory / "answers").chmod(0o1777)
    directory.chmod(0o755)
    return ProbeInjection(
        folder=directory.resolve(),
        inside=where,
        signal=chosen,
        environment={
            "PHP_INI_SCAN_DIR": f":{where}/ini",
            "HYPERLEAK_PROBE_DIR": where,
            "HYPERLEAK_PROBE_SIGNAL": str(chosen),
        },
    )


def _write_readable(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o755)
    path.write_bytes(content)
    path.chmod(0o644)


class _Process(NamedTuple):
    """A process as /proc shows it: its own pid in its namespace, and whether it handles the signal."""

    own_pid: int
    handles: bool


class Probe(Closing):
    """The probe of one target on this machine. `silent` says of the last request who didn't answer and why; those who
    are in `missed` were waited for.

    Not for threads. `close` removes the request and what was answered too late.
    """

    def __init__(self, injection: ProbeInjection) -> None:
        self.silent: dict[int, str] = {}
        self.missed: set[int] = set()
        self._injection = injection
        self._known: dict[tuple[int, int], Silence] = {}
        self._requests = itertools.count()

    def settle(
        self,
        pids: Iterable[int],
        poke: Callable[[], object],
        timeout_s: float = 0.5,
        *,
        ran: Collection[int] = (),
    ) -> dict[int, SettleAnswer]:
        """Has every process run its cycle collector and tell its state; `pids` are this host's.

        `poke` sends one harmless request; it is called until everyone has answered who can. Those who `ran` PHP since
        the last request are among the latter, even if they were silent before.
        Read heaps after this: on its first run in a process PHP's collector allocates a buffer and keeps it (40 kB in a
        Hyperf worker), as it would when the app fills its roots. From then on nothing is added.
        """
        return self._ask("settle", SettleAnswer, pids, poke, timeout_s, ran)

    def census(self, pid: int, poke: Callable[[], object], timeout_s: float = 2.0) -> Census:
        """What the process holds, walked in at most 100 ms. Raises SampleError where it doesn't answer.

        A walk that was stopped for its time, as on a machine that is busy, is tried again, twice.
        """
        for left in reversed(range(_CENSUS_TRIES)):
            answers = self._ask("census", Census, [pid], poke, timeout_s)
            if pid not in answers:
                break
            if answers[pid].stopped != "time" or not left:
                return answers[pid]
        raise SampleError(
            f"process {pid} gave no census: {self.silent[pid]}",
            hint="the holders stay unnamed; the figures are as good",
        )

    def close(self) -> None:
        (self._injection.folder / "request").unlink(missing_ok=True)
        for left in self._injection.answers.glob("*-*"):
            with contextlib.suppress(OSError):
                left.unlink()

    def _ask(
        self,
        kind: str,
        answer: type[_Answer],
        pids: Iterable[int],
        poke: Callable[[], object],
        timeout_s: float,
        ran: Collection[int] = (),
    ) -> dict[int, _Answer]:
        request = secrets.randbelow(1 << 52) + 1
        turn = next(self._requests)
        self.silent = {}
        known = {pid: self._silence(pid) for pid in pids}
        for pid in known.keys() & set(ran):
            known[pid].ran()
        self._publish(f"{request} {kind} {time.time() + timeout_s:.3f} {CENSUS_LIMIT_S * 1e3:.0f}\n")
        began_s = time.monotonic()
        insist = kind == "census"
        asked = {
            pid: path
            for pid, silence in known.items()
            if (path := self._signal(pid, silence, request, turn, insist)) is not None
        }
        awaited = {pid for pid in asked if known[pid].is_awaited(turn, ran=pid in ran)} or set(asked)
        try:
            texts = self._wait(asked, awaited, poke, began_s + timeout_s)
        finally:
            (self._injection.folder / "request").unlink(missing_ok=True)
            for path in asked.values():
                path.unlink(missing_ok=True)
        found = {pid: self._parse(pid, answer, text, at_s - began_s) for pid, (text, at_s) in texts.items()}
        self.missed = awaited - found.keys()
        for pid in asked:
            if pid in found:
                known[pid].answered()
            else:
                known[pid].passed(turn, awaited=pid in awaited)
                self.silent.setdefault(pid, _why_silent(pid, timeout_s, ran=pid in ran))
        return {pid: value for pid, value in found.items() if value is not None}

    def _publish(self, text: str) -> None:
        path = self._injection.folder / "request"
        _write_readable(path.with_suffix(".new"), text.encode())
        path.with_suffix(".new").replace(path)

    def _signal(self, pid: int, silence: Silence, request: int, turn: int, insist: bool) -> Path | None:
        """Where the answer will be; None, with the reason in `silent`, where there can be none.

        `insist` signals even who let signals pass before: it may have run since, and lost them without a request.
        """
        try:
            process = _look(pid, self._injection.signal)
            if not process.handles:
                self.silent[pid] = self._not_loaded()
                return None
            path = self._injection.answers / f"{process.own_pid}-{request}"
            _make_writable(path)
            if silence.may_be_signalled(turn, insist=insist):
                silence.signalled()
                os.kill(pid, self._injection.signal)
        except PermissionError:
            self.silent[pid] = "no right to signal it: run as root or as the app's user"
        except (FileNotFoundError, ProcessLookupError):
            self.silent[pid] = "it has ended"
        else:
            return path
        return None

    def _not_loaded(self) -> str:
        try:
            obstacle = (self._injection.answers / "obstacle").read_text(errors="replace")[:200]
        except OSError:
            return (
                "the probe isn't loaded in it: it isn't PHP, or PHP was started with -n or with an auto_prepend_file of"
                " its own on the command line, or without the probe's environment"
            )
        return f"the probe can't work in it: {obstacle}"

    def _wait(
        self, asked: Mapping[int, Path], awaited: Collection[int], poke: Callable[[], object], until_s: float
    ) -> dict[int, tuple[str, float]]:
        """What was answered and when, until all `awaited` have, or have ended."""
        texts: dict[int, tuple[str, float]] = {}
        waiting = set(awaited)
        poke_at_s = time.monotonic() + _FIRST_POKE_S
        while (now_s := time.monotonic()) < until_s:
            for pid, path in asked.items():
                if pid not in texts and (text := _read_whole(path)) is not None:
                    texts[pid] = (text, time.monotonic())
            waiting -= texts.keys() | {pid for pid in waiting if not os.path.exists(f"/proc/{pid}")}  # noqa: PTH110
            if not waiting:
                break
            if now_s >= poke_at_s:
                with contextlib.suppress(Exception):  # A worker that leaves breaks connections; others still answer.
                    poke()
                poke_at_s = time.monotonic() + _POKE_EVERY_S
            else:
                time.sleep(_POLL_S)
        return texts

    def _parse(self, pid: int, answer: type[_Answer], text: str, after_s: float) -> _Answer | None:
        try:
            return answer.model_validate_json(text).model_copy(update={"after_s": after_s})
        except ValidationError as error:
            self.silent[pid] = f"its answer can't be read: {error.errors()[0]['msg']}"
            return None

    def _silence(self, pid: int) -> Silence:
        return self._known.setdefault((pid, _started_ticks(pid)), Silence())


def _look(pid: int, signal: int) -> _Process:
    """From proc_pid_status(5): without a handler a real-time signal would kill. Raises OSError for who is gone."""
    fields = dict(line.split(":\t", 1) for line in _read_proc(pid, "status").splitlines() if ":\t" in line)
    handles = bool(int(fields.get("SigCgt", "0"), 16) >> (signal - 1) & 1)
    return _Process(int(fields.get("NSpid", str(pid)).split()[-1]), handles)


def _why_silent(pid: int, timeout_s: float, *, ran: bool) -> str:
    if not os.path.exists(f"/proc/{pid}"):  # noqa: PTH110
        return "it has ended"
    why = "it runs PHP, but ran none when asked" if ran else "it ran no PHP, as an idle task worker"
    return f"no answer in {timeout_s:g} s: {why}; its heap is read from outside"


def _started_ticks(pid: int) -> int:
    """Tells a pid from its next use; 0 for who is gone."""
    try:
        return int(_read_proc(pid, "stat").rpartition(")")[2].split()[19])
    except OSError:
        return 0


def _read_proc(pid: int, file: str) -> str:
    return Path(f"/proc/{pid}/{file}").read_text(errors="replace")


def _make_writable(path: Path) -> None:
    """The worker's user may not be ours, and the sticky folder lets nobody take a file that is there already."""
    made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    os.fchmod(made, 0o666)
    os.close(made)


def _read_whole(path: Path) -> str | None:
    """The answer once it has its end; None before."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not 0 < size <= ANSWER_LIMIT_BYTES:
                return None
            text = file.read(ANSWER_LIMIT_BYTES)
    except OSError:
        return None
    return text.decode(errors="replace") if text.endswith(b"\n") else None
