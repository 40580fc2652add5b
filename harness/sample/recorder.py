"""Writes `samples.jsonl`: a header, then one line for each sample, in the file before the next one is taken.

A line is one unbuffered write, so what was recorded outlives this process, even killed with -9. It isn't synced to
the disk: after a power failure the last seconds may be missing, and the rest reads as a cut-off recording.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from harness.closing import Closing
from harness.errors import StorageError
from harness.model.samples import Sample, TraceHeader
from harness.model.screen import ScreenHeader, ScreenRequest

SAMPLES_FILE = "samples.jsonl"


class _LineFile(Closing):
    """A new file that grows by whole lines."""

    def __init__(self, path: Path, header: TraceHeader | ScreenHeader) -> None:
        self._path = path
        self._written_bytes = 0
        try:
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise _refused(path, error) from error
        try:
            self._append(header.model_dump_json())
        except StorageError:
            self.close()
            raise

    def close(self) -> None:
        self._file.close()

    def _append(self, line: str) -> None:
        left = memoryview(f"{line}\n".encode())
        size_bytes = len(left)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), self._written_bytes)
            raise _refused(self._path, error) from error
        self._written_bytes += size_bytes


class Recorder(_LineFile):
    """Records a run in a new file. StorageError: it exists already, or could not be written."""

    def __init__(self, path: Path, header: TraceHeader) -> None:
        super().__init__(path, header)

    def write(self, sample: Sample) -> None:
        """Appends one sample. StorageError: the disk is full, or refuses; the lines before stay whole."""
        self._append(sample.model_dump_json(exclude_none=True))


class ScreenRecorder(_LineFile):
    """Records a screening in a new file. StorageError: it exists already, or could not be written."""

    def __init__(self, path: Path, header: ScreenHeader) -> None:
        super().__init__(path, header)

    def write(self, request: ScreenRequest) -> None:
        """Appends one request. StorageError: the disk is full, or refuses; the lines before stay whole."""
        self._append(request.model_dump_json())


def _refused(path: Path, error: OSError) -> StorageError:
    if isinstance(error, FileExistsError):
        return StorageError(f"{path} exists already", hint="give another output folder, or move the old recording")
    return StorageError(
        f"cannot write {path}: {error.strerror}",
        hint="make room or choose another folder; `hyperleak analyze` reads what was recorded before",
    )
