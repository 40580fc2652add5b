"""The campaign file as people write it; field names are its keys."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from harness.scenario import fields
from harness.scenario.written import NAME_PATTERN, Files, Pairs, Reference, Text, Written

MAX_REPETITIONS = 1000
MAX_RETRIES = 10
MAX_SLOTS = 20_000
MAX_VARIANT_NAME = 64
MAX_VARIANTS = 1000

_NAME_ADVICE = "use letters, digits, dots, dashes and underscores; it becomes a part of a folder's name"


class VariantWritten(Written):
    """What a variant changes: the host's variables that the scenario is read with, and the target."""

    variables: Pairs = {}
    environment: Pairs = {}
    args: Pairs = {}
    image: Reference | None = None


class CampaignWritten(Written):
    """`variants` and `axes` are read one by one, so that a mistake in one hides none in another."""

    name: Annotated[str, fields.text("a name", pattern=NAME_PATTERN, to_do=_NAME_ADVICE)] = Field(examples=["nightly"])
    description: Annotated[str, fields.text(max_length=10_000, empty=True)] = ""
    scenarios: Files = Field(examples=["[shop.yaml]"])
    repetitions: Annotated[int, fields.whole(1, MAX_REPETITIONS)] = 1
    retries: Annotated[int, fields.whole(0, MAX_RETRIES)] = 0
    seed: Annotated[int, fields.whole(0, 2**32 - 1)] = 0
    engines: Annotated[tuple[Text, ...], fields.OneOrMany()] = ()
    variants: Any = None
    axes: Any = None
