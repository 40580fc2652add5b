"""Everything that can go wrong, with the exit code it ends in and a hint what to do next.

    HyperleakError
    ├── InputError            2    scenario, option, revision, trace file
    ├── MeasureError          4    we could not measure
    │   ├── EngineError            no Docker engine, or it went away
    │   ├── TargetError            the target did not start, or died for another cause than memory
    │   ├── LoadError              the load generator broke
    │   ├── SampleError            the memory could not be read
    │   └── StorageError           results could not be written
    └── Interrupted           130  the user stopped the run

A leak, an OOM kill, a worker restart is a result, never an exception.
"""

from __future__ import annotations

from typing import ClassVar


class HyperleakError(Exception):
    """`message` says what and where; `hint` says what to do next."""

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.hint}" if self.hint else self.message


class InputError(HyperleakError):
    exit_code = 2


class MeasureError(HyperleakError):
    exit_code = 4


class EngineError(MeasureError):
    pass


class TargetError(MeasureError):
    pass


class LoadError(MeasureError):
    pass


class SampleError(MeasureError):
    pass


class StorageError(MeasureError):
    pass


class Interrupted(HyperleakError):
    exit_code = 130
