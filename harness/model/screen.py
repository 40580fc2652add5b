"""What a screening records: one header, then one line for each request, heaps read around it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, StrictInt, model_serializer, model_validator

from harness.model.base import Value

SCREEN_FORMAT: Final = "hyperleak-screen"
SCREEN_VERSION = 1

HeapBytes = Annotated[int, Field(strict=True, ge=0, lt=2**63)]


class ScreenHeader(Value):
    """First line of a screening trace; `row` names the places of every further line's array."""

    format: Literal["hyperleak-screen"] = "hyperleak-screen"
    version: Literal[1] = 1
    endpoints: tuple[str, ...]
    target: dict[str, Any] = {}
    seed: int = 0
    row: tuple[str, ...] = (
        "elapsed_s",
        "endpoint",
        "status",
        "changed heaps: pid -> [before_bytes, after_bytes]",
        "change of the possible roots that wait for the cycle collector, where it is known",
    )
    notes: tuple[str, ...] = ()


class ScreenRequest(Value):
    """One request and the heaps that it changed, written as an array in this order.

    `endpoint` is an index into the header's; `status` None: the connection broke. `heaps[pid]` are the bytes before
    and after: None before for a process born in between, None after for one that is gone. `roots` is the change of the
    possible roots that wait for the cycle collector, over all processes; None where it isn't known.
    """

    elapsed_s: float
    endpoint: Annotated[int, Field(strict=True, ge=0)]
    status: StrictInt | None
    heaps: dict[int, tuple[HeapBytes | None, HeapBytes | None]] = {}
    roots: StrictInt | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_row(cls, row: Any) -> Any:
        """Fields by their place; those that a later version adds are passed over."""
        return dict(zip(cls.model_fields, row, strict=False)) if isinstance(row, list) else row

    @model_serializer
    def _to_row(self) -> list[Any]:
        row: list[Any] = [self.elapsed_s, self.endpoint, self.status, self.heaps]
        return row if self.roots is None else [*row, self.roots]


class ScreenRecording(Value):
    """A whole screening. `truncated` tells that the last line was cut off, as after `kill -9`."""

    header: ScreenHeader
    requests: tuple[ScreenRequest, ...]
    truncated: bool = False
