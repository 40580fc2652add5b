"""What goes over the control channel between the harness and Locust: one JSON object a line.

The harness sends Begin once, then Windows. Locust answers Listening (a master's port), Joined (a worker came), Ready,
Done, or Broken, after which nothing more comes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from harness.load.tickets import Slots
from harness.model.base import Value
from harness.model.load import LoadSpec, WindowOrder, WindowResult


class Begin(Value):
    kind: Literal["begin"] = "begin"
    spec: LoadSpec


class Window(Value):
    kind: Literal["window"] = "window"
    order: WindowOrder


class Share(Value):
    """A worker's part of a window; `issued[i]` requests of endpoint i went out before it."""

    order: WindowOrder
    slots: Slots
    issued: tuple[int, ...]


class Listening(Value):
    kind: Literal["listening"] = "listening"
    port: int


class Joined(Value):
    kind: Literal["joined"] = "joined"
    worker: str


class Ready(Value):
    kind: Literal["ready"] = "ready"


class Done(Value):
    kind: Literal["done"] = "done"
    result: WindowResult


class Broken(Value):
    """`bad_input`: the scenario is to blame, not the measurement."""

    kind: Literal["broken"] = "broken"
    message: str
    hint: str = ""
    bad_input: bool = False


ToLocust = Begin | Window
FromLocust = Listening | Joined | Ready | Done | Broken

_TO_LOCUST: TypeAdapter[ToLocust] = TypeAdapter(Annotated[ToLocust, Field(discriminator="kind")])
_FROM_LOCUST: TypeAdapter[FromLocust] = TypeAdapter(Annotated[FromLocust, Field(discriminator="kind")])


def to_line(message: ToLocust | FromLocust) -> bytes:
    return message.model_dump_json().encode() + b"\n"


def order_from_line(line: bytes) -> ToLocust:
    return _TO_LOCUST.validate_json(line)


def answer_from_line(line: bytes) -> FromLocust:
    return _FROM_LOCUST.validate_json(line)
