"""What an outside tool is to the harness."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

from harness.model.diagnosis import Suspect, ToolName
from harness.model.injection import Injection


class Allocation(NamedTuple):
    """Memory that was there at the end, by where it was made: `stack` from the inside outwards."""

    stack: tuple[str, ...]
    size_bytes: int
    blocks: int
    kind: str = ""


class Findings(NamedTuple):
    """What a tool's files tell, and what a reader has to know of it: debug symbols that are missing, say."""

    suspects: list[Suspect]
    notes: list[str]


class ToolOutputError(Exception):
    """What a tool wrote can't be read; says which file and why."""


class ToolAbsent(Exception):
    """The machine or the target doesn't have the tool; says what to add."""


class TimedOut(Exception):
    """The tool wasn't done in its time."""


class Asked(NamedTuple):
    """The request to the endpoint, for tools that send it themselves."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class Scene:
    """A started target after its requests.

    `root_pid` is its first process here, `folder` where the tool writes, `poke` sends a harmless request to the next
    worker, `last_words` is the end of the target's log. `deadline_s` is on the monotonic clock.
    """

    root_pid: int
    folder: Path
    deadline_s: float
    requests: int
    asked: Asked
    poke: Callable[[], object]
    last_words: Callable[[], str]

    def left_s(self, doing: str) -> float:
        """Seconds until the deadline. Raises TimedOut."""
        left_s = self.deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimedOut(f"the time was over {doing}: give it longer (--limit) or fewer requests (--requests)")
        return left_s


class Tool(Protocol):
    """A tool that looks at a target from outside, from its start or at its end.

    `sends_itself`: it makes its own requests, so it gets one fresh target without any. `against_ready`: what every
    request allocates looks to it as if it were kept, so N requests to the endpoint and N to the ready check are what 2N
    are compared with.
    """

    @property
    def name(self) -> ToolName: ...

    @property
    def sends_itself(self) -> bool: ...

    @property
    def against_ready(self) -> bool: ...

    def absent(self) -> str:
        """What this machine lacks for the tool and how to get it; empty where it lacks nothing."""

    def injection(self, folder: Path, inside: str) -> Injection | None:
        """Fills `folder`, which the target sees as `inside`, and says what the target's environment needs."""

    def missing(self, folder: Path) -> str:
        """What the started target lacks, as it was found out by its start, and how to get it."""

    def tell(self, scene: Scene) -> list[str]:
        """Has the tool write what it knows, and says what to know of that.

        Raises ToolOutputError, ToolAbsent, TimedOut, MeasureError.
        """

    def outputs(self, folder: Path) -> Sequence[Path]:
        """The files that the tool wrote."""

    def compare(self, fewer: Sequence[Path], more: Sequence[Path], requests: int) -> Findings:
        """What grew with `requests` more requests, the largest first. Raises ToolOutputError.

        A tool that makes its own requests has no `fewer`.
        """


class OutsideTool:
    """What most tools have in common."""

    sends_itself: ClassVar[bool] = False
    against_ready: ClassVar[bool] = False

    def absent(self) -> str:
        return ""

    def injection(self, folder: Path, inside: str) -> Injection | None:  # noqa: ARG002
        return None

    def missing(self, folder: Path) -> str:  # noqa: ARG002
        return ""
