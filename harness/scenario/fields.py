"""How scalars are read from what people wrote, and what an editor is told about each of them.

A reader takes a leaf and returns the value or raises Mistake. It sees the source
text, so a version 1.10 and a zip code 01234 stay as they were written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from harness.scenario.nodes import Leaf, described
from harness.scenario.problems import Mistake, quoted
from harness.scenario.report import suggestion
from harness.units import parse_duration, parse_rate, parse_size

JsonSchema = dict[str, Any]

_MAX_SHORT = 64
_BOOLEAN = re.compile(r"true|false", re.IGNORECASE)
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
VARIABLE: JsonSchema = {"type": "string", "pattern": r"\$\{"}
TEXT: JsonSchema = {"type": ["string", "number", "boolean"]}


@dataclass(frozen=True, eq=False)
class Reads:
    """Pydantic metadata: the function that reads a value and the JSON Schema of what may be written."""

    read: Callable[[Any], object]
    schema: JsonSchema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        return dict(self.schema)


def either(schema: JsonSchema) -> JsonSchema:
    """The schema, or a text with an environment variable in it."""
    return {"anyOf": [*schema["anyOf"], VARIABLE] if set(schema) == {"anyOf"} else [schema, VARIABLE]}


class OneOrMany:
    """Pydantic metadata: a list, or its only item by itself."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_as_list, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        many = handler(core)
        return {"anyOf": [many["items"], many]}


def _as_list(data: Any) -> Any:
    return [data] if isinstance(data, Leaf) else data


def text(
    what: str = "text",
    *,
    pattern: str | None = None,
    to_do: str = "",
    max_length: int = 1000,
    empty: bool = False,
) -> Reads:
    """Any scalar as its source text; `pattern` has to match all of it."""
    matches = re.compile(pattern) if pattern else None
    advice = to_do or f"write {what} of at most {max_length} characters"

    def read(data: Any) -> str:
        found = source_text(data, what, empty=empty)
        if len(found) > max_length or (matches is not None and not matches.fullmatch(found)):
            unexpected(data, what, advice)
        return found

    return Reads(read, either({**TEXT, "pattern": f"^(?:{pattern})$"}) if pattern else dict(TEXT))


def source_text(data: Any, what: str = "text", *, empty: bool = False) -> str:
    """The text of a scalar as written, or of a key; an empty or null one only where `empty` allows it."""
    if isinstance(data, str):
        return data
    if not isinstance(data, Leaf):
        unexpected(data, what, "write it as one value")
    if data.is_null and not empty:
        raise Mistake(f"expected {what}, found nothing", "give it a value or remove the key", data.mark)
    if data.text or empty:
        return data.text
    raise Mistake(f"expected {what}, found an empty text", "give it a value or remove the key", data.mark)


def choice(*options: str) -> Reads:
    def read(data: Any) -> str:
        found = source_text(data)
        if found not in options:
            unexpected(data, f"one of {', '.join(options)}", suggestion(found, options, otherwise="write one of them"))
        return found

    return Reads(read, either({"enum": list(options)}))


def whole(minimum: int, maximum: int) -> Reads:
    """A whole number without quotes, or one that a variable fills in."""
    advice = f"write a whole number from {minimum} to {maximum}"

    def read(data: Any) -> int:
        found = _short(data, "a whole number", advice)
        _refuse_quotes(data, _WHOLE)
        if not _WHOLE.fullmatch(found) or not minimum <= int(found) <= maximum:
            unexpected(data, f"a whole number from {minimum} to {maximum}", advice)
        return int(found)

    return Reads(read, either({"type": "integer", "minimum": minimum, "maximum": maximum}))


def number(above: float, below: float) -> Reads:
    """A number between two limits that are not part of the range."""
    advice = f"write a number above {above:g} and below {below:g}"

    def read(data: Any) -> float:
        found = _short(data, "a number", advice)
        _refuse_quotes(data, _NUMBER)
        if not _NUMBER.fullmatch(found) or not above < float(found) < below:
            unexpected(data, f"a number above {above:g} and below {below:g}", advice)
        return float(found)

    return Reads(read, either({"type": "number", "exclusiveMinimum": above, "exclusiveMaximum": below}))


def _read_flag(data: Any) -> bool:
    found = source_text(data, "true or false")
    _refuse_quotes(data, _BOOLEAN)
    if not _BOOLEAN.fullmatch(found):
        unexpected(data, "true or false", "write true or false; yes, no, on and off are text in YAML 1.2")
    return found.lower() == "true"


def _unit(
    parse: Callable[[str], float], what: str, advice: str, schema: JsonSchema, minimum: float, maximum: float
) -> Reads:
    def read(data: Any) -> float:
        found = _short(data, what, advice)
        try:
            value = parse(found)
        except ValueError:
            unexpected(data, what, advice)
        if not minimum <= value <= maximum or not math.isfinite(value):
            raise Mistake(f"{quoted(found)} is out of range for {what}", advice, data.mark)
        return value

    return Reads(read, either(schema))


def duration(minimum_s: float, maximum_s: float) -> Reads:
    """Seconds of "1m30s" or of a plain number of seconds."""
    pattern = r"^\s*(?:(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+|\d+(?:\.\d+)?)\s*$"
    schema: JsonSchema = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": pattern}]}
    advice = f"write it like 500ms, 90s or 1m30s, from {minimum_s:g}s to {maximum_s:g}s"
    return _unit(parse_duration, "a duration", advice, schema, minimum_s, maximum_s)


def size(minimum_bytes: int, maximum_bytes: int) -> Reads:
    """Bytes of "64MiB" or of a plain number of bytes."""
    pattern = r"^\s*\d+(?:\.\d+)?\s*(?:[bB]|[kKmMgG](?:[iI]?[bB])?)?\s*$"
    schema: JsonSchema = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": pattern}]}
    advice = f"write it like 64B, 512KiB or 1.5GiB, from {minimum_bytes} bytes up"
    return _unit(parse_size, "a size", advice, schema, minimum_bytes, maximum_bytes)


def _parse_rate(found: str) -> float:
    """Requests a second; 0 stands for as fast as can be, and is written `max`."""
    value = parse_rate(found) if found != "max" else 0.0
    if value <= 0 and found != "max":
        raise ValueError(found)
    return value


_RATE_PATTERN = r"^\s*(?:max|\d+(?:\.\d+)?\s*(?:/\s*(?:[sS]|[sS][eE][cC]|[mM]|[mM][iI][nN]|[hH]))?)\s*$"
_RATE: JsonSchema = {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": _RATE_PATTERN}]}
RATE = _unit(_parse_rate, "a rate", "write it like 300/s or 1200/min, or max", _RATE, 0, 1e6)
_STEADY: JsonSchema = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": _RATE_PATTERN.replace("max|", "")},
    ]
}
STEADY_RATE = _unit(parse_rate, "a rate", "write it like 120/s or 7200/min", _STEADY, 1e-6, 1e9)
FLAG = Reads(_read_flag, {"anyOf": [{"type": "boolean"}, VARIABLE]})


def _short(data: Any, what: str, advice: str) -> str:
    """Text that is read as a number; a long one is refused before anything looks at it."""
    found = source_text(data, what).strip()
    if len(found) > _MAX_SHORT:
        unexpected(data, what, advice)
    return found


def _refuse_quotes(data: Leaf, pattern: re.Pattern[str]) -> None:
    """A number in quotes is text to every other reader of YAML; one that a variable fills in may be in quotes."""
    if not data.plain and not data.filled and pattern.fullmatch(data.text.strip()):
        raise Mistake(f"{quoted(data.text)} is in quotes, which makes it text", "remove the quotes", data.mark)


def unexpected(data: Any, what: str, advice: str) -> NoReturn:
    mark = data.mark if isinstance(data, Leaf) else None
    raise Mistake(f"expected {what}, found {described(data)}", advice, mark)
