"""Valgrind: memcheck names the native allocations that nobody frees, massif what all of the heap is made of.

With `USE_ZEND_ALLOC=0` every emalloc() is a malloc() of its own, so PHP's memory shows too, by the engine's C stacks.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import ClassVar

from harness.diagnose.ending import end_processes
from harness.diagnose.growth import suspects_of
from harness.diagnose.massif_file import read_massif
from harness.diagnose.memcheck_xml import read_memcheck
from harness.diagnose.protocol import Findings, OutsideTool, Scene, ToolOutputError
from harness.diagnose.shim import was_missing, write_shim
from harness.model.diagnosis import Suspect, ToolName
from harness.model.injection import Injection

ENVIRONMENT = {"USE_ZEND_ALLOC": "0", "ZEND_DONT_UNLOAD_MODULES": "1"}
MISSING = "the target has no valgrind: add the package valgrind (of Debian or Alpine) to its image"
CALLERS = 30
SUPPRESSIONS = "php.supp"
# Fewer known names than this share, and the reader is told how to get more of them.
NAMED_SHARE = 0.7
_ALLOCATORS = (
    "malloc", "calloc", "realloc", "memalign", "posix_memalign", "strdup", "strndup", "mmap", "operator new",
    "__zend_", "_emalloc", "_ecalloc", "_erealloc", "_safe_", "_estrdup", "_malloc", "_realloc", "_calloc", "_zend_mem",
    "zend_mm", "zend_strndup", "tracked_", "emalloc", "ecalloc", "erealloc", "safe_emalloc",
    "(heap allocation functions)",
)  # fmt: skip


class UnderValgrind(OutsideTool):
    """One of Valgrind's tools, which write when the process ends."""

    name: ClassVar[ToolName]

    def missing(self, folder: Path) -> str:
        return MISSING if was_missing(folder) else ""

    def tell(self, scene: Scene) -> list[str]:
        """Aborts the app's processes, so that PHP frees nothing, and waits for what the tool writes then."""
        written = self._complete(scene.folder)
        end_processes(scene, signal.SIGABRT)
        if not self._complete(scene.folder) - written:
            raise ToolOutputError(f"{self.name} ended without telling anything; its last words: {scene.last_words()}")
        return []

    def outputs(self, folder: Path) -> Sequence[Path]:
        raise NotImplementedError

    def is_complete(self, output: Path) -> bool:
        raise NotImplementedError

    def _complete(self, folder: Path) -> set[Path]:
        return {path for path in self.outputs(folder) if self.is_complete(path)}


@dataclass(frozen=True)
class Memcheck(UnderValgrind):
    name: ClassVar[ToolName] = "valgrind"

    def injection(self, folder: Path, inside: str) -> Injection:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SUPPRESSIONS).write_bytes((files("harness.diagnose") / SUPPRESSIONS).read_bytes())
        arguments = [
            "--leak-check=full",
            "--show-leak-kinds=definite,indirect,possible,reachable",
            f"--num-callers={CALLERS}",
            "--xml=yes",
            f"--xml-file={inside}/memcheck.%p.xml",
            f"--suppressions={inside}/{SUPPRESSIONS}",
        ]
        return write_shim(folder, inside, "valgrind", arguments, ENVIRONMENT)

    def outputs(self, folder: Path) -> Sequence[Path]:
        return sorted(folder.glob("memcheck.*.xml"))

    def is_complete(self, output: Path) -> bool:
        return _ends_with(output, b"</valgrindoutput>")

    def compare(self, fewer: Sequence[Path], more: Sequence[Path], requests: int) -> Findings:
        before, after = ([found for file in files for found in read_memcheck(file)] for files in (fewer, more))
        suspects = suspects_of(before, after, requests, where=past_allocators)
        return Findings(suspects, symbol_notes(suspects))


@dataclass(frozen=True)
class Massif(UnderValgrind):
    name: ClassVar[ToolName] = "massif"

    def injection(self, folder: Path, inside: str) -> Injection:
        folder.mkdir(parents=True, exist_ok=True)
        arguments = [
            "--tool=massif",
            f"--massif-out-file={inside}/massif.%p",
            f"--depth={CALLERS}",
            "--threshold=0.05",
            "--peak-inaccuracy=0.0",
        ]
        return write_shim(folder, inside, "valgrind", arguments, ENVIRONMENT)

    def outputs(self, folder: Path) -> Sequence[Path]:
        return sorted(path for path in folder.glob("massif.*") if path.suffix[1:].isdigit())

    def is_complete(self, output: Path) -> bool:
        return output.stat().st_size > 0

    def compare(self, fewer: Sequence[Path], more: Sequence[Path], requests: int) -> Findings:
        before, after = ([found for file in files for found in read_massif(file)] for files in (fewer, more))
        suspects = suspects_of(before, after, requests, where=past_allocators)
        # Massif adds up bytes alone.
        suspects = [suspect.model_copy(update={"calls_per_request": None}) for suspect in suspects]
        return Findings(suspects, symbol_notes(suspects))


def past_allocators(stack: Sequence[str]) -> int:
    """The first frame that is not the allocator's own."""
    return next((i for i, frame in enumerate(stack) if not frame.startswith(_ALLOCATORS)), 0)


def symbol_notes(suspects: Sequence[Suspect]) -> list[str]:
    """Which programs and libraries on the suspects' stacks have no names for their functions."""
    frames = [frame for suspect in suspects for frame in suspect.stack]
    unnamed = sorted({frame.removeprefix("in ") for frame in frames if frame.startswith("in ")})
    named = sum(1 for frame in frames if not frame.startswith("in "))
    if not frames or named >= NAMED_SHARE * len(frames):
        return []
    return [f"no debug symbols in {', '.join(unnamed[:5])}: install them for the functions' names (Debian: …-dbgsym)"]


def _ends_with(file: Path, end: bytes) -> bool:
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - len(end) - 16))
        return opened.read().rstrip().endswith(end)
