"""Reli reads the memory of PHP processes from outside: objects by class, and memory by its kind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psutil

from harness.diagnose.ending import processes_of
from harness.diagnose.growth import suspects_of
from harness.diagnose.programs import run_program
from harness.diagnose.protocol import Allocation, Findings, OutsideTool, Scene, ToolOutputError
from harness.model.diagnosis import ToolName

PROGRAM = "reli"
_SECTIONS = {
    "class_objects_summary": ("objects of the class", "count", "total_size"),
    "location_types_summary": ("memory of the kind", "location_count", "memory_usage"),
}


@dataclass(frozen=True)
class Reli(OutsideTool):
    name: ClassVar[ToolName] = "reli"

    def absent(self) -> str:
        if shutil.which(PROGRAM):
            return ""
        return "this machine has no program reli: `composer create-project reliforp/reli-prof`, and its folder in PATH"

    def tell(self, scene: Scene) -> list[str]:
        """The target's processes one after the other; those that aren't PHP have nothing to read."""
        complaints = []
        for process in processes_of(scene.root_pid):
            command = [PROGRAM, "inspector:memory", "-p", str(process.pid)]
            ran = run_program(command, scene.left_s("while reli was reading"))
            if ran.exit_code == 0:
                (scene.folder / f"reli.{process.pid}.json").write_text(ran.out, encoding="utf-8")
            elif _is_php(process):
                complaints.append(f"process {process.pid}: {_last_line(ran.err or ran.out)}")
        if not self.outputs(scene.folder):
            said = "; ".join(complaints) or "the target has no PHP process"
            raise ToolOutputError(f"reli could read no process (it needs the right to trace them): {said}")
        return [f"reli could not read {complaint}" for complaint in complaints]

    def outputs(self, folder: Path) -> Sequence[Path]:
        return sorted(folder.glob("reli.*.json"))

    def compare(self, fewer: Sequence[Path], more: Sequence[Path], requests: int) -> Findings:
        before, after = ([found for file in files for found in read_reli(file)] for files in (fewer, more))
        return Findings(suspects_of(before, after, requests), [])


def read_reli(file: Path) -> Iterator[Allocation]:
    """Raises ToolOutputError."""
    try:
        document = json.loads(file.read_bytes())
        for section, (kind, count, size) in _SECTIONS.items():
            for name, figures in dict(document[section] or {}).items():
                yield Allocation((name,), int(figures[size]), int(figures[count]), kind)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ToolOutputError(f"{file.name}: not what `reli inspector:memory` writes: {error!r}") from error


def _is_php(process: psutil.Process) -> bool:
    try:
        return "php" in process.name()
    except psutil.Error:
        return False


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "without a word"
