"""The one place that writes reports: whole or not at all, always in UTF-8."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

from harness.errors import StorageError


def write_report(path: Path, text: str) -> None:
    """Writes the file, making its folder; an older one is replaced only by a whole one. Raises StorageError."""
    draft = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(text.encode("utf-8"))
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise _storage_error(str(path), error) from error


def write_stdout(text: str) -> None:
    """Bytes whatever the terminal's encoding, as XML declares its own; a reader that left has had enough.

    Raises StorageError.
    """
    try:
        sys.stdout.buffer.write(text.encode("utf-8"))
        sys.stdout.buffer.flush()
    except OSError as error:
        _discard_stdout()
        if error.errno != errno.EPIPE:
            raise _storage_error("standard output", error) from error


def _discard_stdout() -> None:
    """What is still buffered would fail once more as the interpreter ends, and change its exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _storage_error(where: str, error: OSError) -> StorageError:
    return StorageError(
        f"{where}: the report can't be written: {error.strerror or error}",
        hint="free some space or choose another folder with -o",
    )
