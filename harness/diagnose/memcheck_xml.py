"""Memcheck's XML (protocol 4), read as a stream: a run of PHP writes tens of megabytes.

Source: docs/internals/xml-output-protocol4.txt of Valgrind.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from harness.diagnose.protocol import Allocation, ToolOutputError

_KINDS = {
    "Leak_DefinitelyLost": "definitely lost",
    "Leak_IndirectlyLost": "indirectly lost",
    "Leak_PossiblyLost": "possibly lost",
    "Leak_StillReachable": "still reachable",
}


def read_memcheck(file: Path) -> Iterator[Allocation]:
    """The leak records. Raises ToolOutputError where the file is cut off or something else."""
    try:
        root: ElementTree.Element | None = None
        for event, element in ElementTree.iterparse(file, events=("start", "end")):
            if root is None:
                root = element
            if event == "end" and element.tag == "error":
                if (allocation := _allocation(element)) is not None:
                    yield allocation
                root.clear()
    except (ElementTree.ParseError, ValueError, OSError) as error:
        raise ToolOutputError(f"{file.name}: {error}") from error


def _allocation(error: ElementTree.Element) -> Allocation | None:
    """None for an error that is no leak."""
    kind = _KINDS.get(error.findtext("kind", ""))
    stack = error.find("stack")
    if kind is None or stack is None:
        return None
    return Allocation(
        stack=tuple(_frame(frame) for frame in stack.iter("frame")),
        size_bytes=int(error.findtext("xwhat/leakedbytes", "0")),
        blocks=int(error.findtext("xwhat/leakedblocks", "0")),
        kind=kind,
    )


def _frame(frame: ElementTree.Element) -> str:
    """`function (file:line)` as far as it is known; else the library."""
    name, file, line = frame.findtext("fn"), frame.findtext("file"), frame.findtext("line")
    if name is None:
        return f"in {PurePosixPath(frame.findtext('obj', 'unknown')).name}"
    return f"{name} ({file}:{line})" if file and line else name
