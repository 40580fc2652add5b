"""A program named `php` that stands before the real one in the PATH, and runs it under a tool.

So a tool gets around the app in every kind of target (image, build, compose, command) without a change of its command.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.model.injection import Injection

MISSING = "missing"
_OPEN_TO_ALL = 0o1777

_SHIM = """#!/bin/sh
# The first php is the app's master; what it starts itself runs without the tool.
PATH=$HYPERLEAK_PATH
export PATH
if ! command -v {program} >/dev/null 2>&1; then
  : >{missing}
  exec php "$@"
fi
ulimit -c 0
# Not exec: as the first process of a container it could not be ended by a signal.
{command} php "$@"
"""


def write_shim(
    folder: Path, inside: str, program: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> Injection:
    """`program` with its arguments in front of `php`; it may write to the folder."""
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    shim = folder / "bin/php"
    command = shlex.join([program, *arguments])
    shim.write_text(_SHIM.format(program=program, command=command, missing=shlex.quote(f"{inside}/{MISSING}")))
    shim.chmod(0o755)
    folder.chmod(_OPEN_TO_ALL)
    (folder / "bin").chmod(0o755)
    return Injection(folder=folder, inside=inside, environment=dict(environment), programs=f"{inside}/bin")


def was_missing(folder: Path) -> bool:
    return (folder / MISSING).exists()
