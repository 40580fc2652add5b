"""Massif's output: the tree of allocations of the most detailed snapshot at the peak.

Source: massif/ms_print.in and ms_main.c of Valgrind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from harness.diagnose.protocol import Allocation, ToolOutputError

_NODE = re.compile(r"^(?P<depth> *)n(?P<children>\d+): (?P<bytes>\d+) (?P<told>.*)$")
_PLACE = re.compile(r"^0x[0-9A-F]+: (?P<name>.*?)(?: \((?:in )?(?P<file>[^()]*)\))?$")


def read_massif(file: Path) -> list[Allocation]:
    """The leaves of the peak's tree; of the last detailed one where no peak is marked. Raises ToolOutputError."""
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise ToolOutputError(f"{file.name}: {error}") from error
    trees = [i for i, line in enumerate(lines) if line in ("heap_tree=detailed", "heap_tree=peak")]
    peak = next((i for i in trees if lines[i] == "heap_tree=peak"), trees[-1] if trees else None)
    if peak is None:
        raise ToolOutputError(f"{file.name}: no detailed snapshot in it")
    return list(_leaves(lines[peak + 1 :]))


def _leaves(lines: list[str]) -> Iterator[Allocation]:
    path: list[str] = []
    for line in lines:
        node = _NODE.match(line)
        if node is None:
            return
        depth = len(node["depth"])
        path[depth:] = [_frame(node["told"])]
        if node["children"] == "0" and not node["told"].startswith("in "):
            yield Allocation(tuple(path[1:]), int(node["bytes"]), 0, "in use at the peak")


def _frame(told: str) -> str:
    place = _PLACE.match(told)
    if place is None:
        return told
    name, file = place["name"], place["file"]
    if name == "???":
        return f"in {PurePosixPath(file or 'unknown').name}"
    return f"{name} ({file})" if file and ":" in file else name
