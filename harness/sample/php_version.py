"""Which PHP a process runs, read in its program: the header that PHP would send stands there with its version."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

_HEADER = re.compile(rb"X-Powered-By: PHP/(\d+\.\d+\.\d+[0-9A-Za-z.+~-]*)")


def php_version(pids: Iterable[int]) -> str | None:
    """As "8.2.29", of the first process of this host whose program can be read; None where none can."""
    for pid in pids:
        if (found := _version_in(Path(f"/proc/{pid}/exe"))) is not None:
            return found
    return None


def _version_in(program: Path) -> str | None:
    try:
        with program.open("rb") as file, closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as text:
            found = _HEADER.search(text)
            return found[1].decode("ascii") if found else None
    except (OSError, ValueError):
        return None
