"""Profiler extensions in the target's PHP: brought in by an ini file, asked by a signal, each process writes a file."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from harness.diagnose.ending import Signalled, signal_handlers
from harness.diagnose.protocol import OutsideTool, Scene, ToolOutputError
from harness.model.injection import Injection

SIGNAL = 60
"""Not Swoole's (SIGRTMIN), PHP's timer, glibc's and musl's (32 to 35), valgrind's (64) nor systemd's (below 60)."""

# Who hasn't answered this long after the last answer, with requests coming, runs no PHP: an idle task worker, say.
SILENCE_S = 3.0
_POKE_EVERY_S = 0.02
_MISSING = "missing"
_INI = "zz-hyperleak.ini"


class Profile(NamedTuple):
    """One process's: `places` has file and line of the functions written in PHP, `internal` names PHP's own."""

    profile: dict[str, Any]
    places: dict[str, tuple[str, int]]
    internal: frozenset[str]
    has_coroutines: bool


def profiler_injection(folder: Path, inside: str, extensions: Sequence[str], **environment: str) -> Injection:
    """The first of `extensions` that the target's PHP has loaded is used."""
    for name in ("php", "ini"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    sources = [files("harness.diagnose") / "php" / name for name in ("prepend.php", "Profiler.php")]
    for source in (*sources, files("harness") / "probe" / "Boot.php"):
        _write_readable(folder / "php" / source.name, source.read_bytes())
    _write_readable(folder / "ini" / _INI, f'auto_prepend_file="{inside}/php/prepend.php"\n'.encode())
    folder.chmod(0o1777)
    return Injection(
        folder=folder,
        inside=inside,
        environment={
            "PHP_INI_SCAN_DIR": f":{inside}/ini",
            "HYPERLEAK_PROFILER": ",".join(extensions),
            "HYPERLEAK_PROFILE_DIR": inside,
            "HYPERLEAK_PROFILE_SIGNAL": str(SIGNAL),
            **environment,
        },
    )


class InPhp(OutsideTool):
    """A profiler extension; `how_to_get` says what to add to a target whose PHP has none."""

    how_to_get: ClassVar[str]

    def missing(self, folder: Path) -> str:
        """What the app's first process found missing."""
        try:
            found = (folder / _MISSING).read_text(errors="replace")
        except OSError:
            return ""
        if found == "pcntl":
            return "the target's PHP has no pcntl extension, which asking for the profile needs: install it"
        return self.how_to_get

    def tell(self, scene: Scene) -> list[str]:
        """Has every process of the app that loaded the profiler write its profile. Raises ToolOutputError, TimedOut."""
        asked = signal_handlers(scene.root_pid, SIGNAL)
        if not asked:
            raise ToolOutputError(
                "the profiler isn't loaded in any process: PHP was started with -n or without its environment"
            )
        silent = _silent(scene, asked)
        if len(silent) == len(asked):
            raise ToolOutputError(f"no process wrote a profile; the target's last words: {scene.last_words()}")
        return [f"{len(silent)} of {len(asked)} processes wrote no profile: they ran no PHP"] if silent else []

    def outputs(self, folder: Path) -> Sequence[Path]:
        return sorted(folder.glob("profile.*.json"))


def _silent(scene: Scene, asked: Sequence[Signalled]) -> Sequence[Signalled]:
    """Who has written nothing by the time that nobody does any more. Raises TimedOut."""
    heard_s, awaited = time.monotonic(), asked
    while awaited and time.monotonic() < heard_s + SILENCE_S:
        scene.left_s("before every process had written its profile")
        scene.poke()
        time.sleep(_POKE_EVERY_S)
        silent = [one for one in awaited if not _profile_of(scene.folder, one).exists()]
        heard_s = time.monotonic() if len(silent) < len(awaited) else heard_s
        awaited = silent
    return awaited


def read_profile(file: Path) -> Profile:
    """Raises ToolOutputError."""
    try:
        told = json.loads(file.read_bytes())
        places = {name: (str(path), int(line)) for name, (path, line) in dict(told["places"] or {}).items()}
        return Profile(dict(told["profile"] or {}), places, frozenset(told["internal"]), bool(told["swoole"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ToolOutputError(f"{file.name}: not a profile: {error}") from error


def _profile_of(folder: Path, process: Signalled) -> Path:
    return folder / f"profile.{process.own_pid}.json"


def _write_readable(path: Path, content: bytes) -> None:
    path.parent.chmod(0o755)
    path.write_bytes(content)
    path.chmod(0o644)
