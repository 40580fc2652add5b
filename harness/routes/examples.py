"""What to send for a parameter or a body of an OpenAPI document: its examples, else something its schema allows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from harness.routes.document import Resolver
from harness.routes.route import Value, value_of

_DEEPEST: Final = 6
_MOST_PROPERTIES: Final = 40
_FORMATS: Final[dict[str, Any]] = {
    "uuid": "3f2b8c1e-5d4a-4b6f-9e7c-0a1b2c3d4e5f",
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "byte": "aGVsbG8=",
    "binary": "",
}


def as_text(value: Any) -> str:
    """A text of one line as it is, nothing for null, everything else as JSON writes it."""
    if value is None:
        return ""
    return " ".join(value.split()) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def value_of_schema(resolver: Resolver, parameter: Mapping[str, Any], name: str) -> Value:
    """What to send for a parameter: an example, one of an enumeration, or something of its type."""
    schema = resolver.follow(parameter.get("schema")) or parameter
    example = _given(resolver, parameter)
    example = _given(resolver, schema) if example is None else example
    if example is not None and not isinstance(example, (dict, list)):
        return Value(example=as_text(example))
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return Value(choices=tuple(as_text(choice) for choice in choices))
    return _of_type(schema, name)


def body_example(resolver: Resolver, media: Mapping[str, Any]) -> Any:
    """The example of a body, else one that its schema allows."""
    example = _given(resolver, media)
    return example if example is not None else made_up(resolver, media.get("schema"))


def made_up(resolver: Resolver, written: Any, depth: int = 0) -> Any:
    """Something that the schema allows, as far as that is easily found; `null` where nothing is known."""
    schema = resolver.follow(written)
    example = _given(resolver, schema)
    if example is not None or depth > _DEEPEST:
        return example
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    for key in ("oneOf", "anyOf"):
        if schema.get(key):
            return made_up(resolver, schema[key][0], depth + 1)
    kind = _type(schema)
    if kind == "object" or schema.get("allOf") or schema.get("properties"):
        return _object(resolver, schema, depth)
    if kind == "array":
        return [made_up(resolver, schema.get("items"), depth + 1)]
    return _scalar(schema, kind)


def _object(resolver: Resolver, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for part in schema.get("allOf") or ():
        inner = made_up(resolver, part, depth + 1)
        made |= inner if isinstance(inner, dict) else {}
    properties = schema.get("properties") or {}
    for name, written in list(properties.items())[:_MOST_PROPERTIES]:
        if not resolver.follow(written).get("readOnly"):
            made[name] = made_up(resolver, written, depth + 1)
    return made


def _scalar(schema: Mapping[str, Any], kind: str) -> Any:
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        least = schema.get("minimum", schema.get("exclusiveMinimum", 1))
        return least if isinstance(least, (int, float)) and not isinstance(least, bool) else 1
    if kind != "string":
        return None
    text = _FORMATS.get(as_text(schema.get("format")), "text")
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", 1000)
    if isinstance(shortest, int) and isinstance(longest, int) and "format" not in schema:
        return text.ljust(min(shortest, 1000), "x")[: max(longest, 0)]
    return text


def _of_type(schema: Mapping[str, Any], name: str) -> Value:
    kind, form = _type(schema), as_text(schema.get("format"))
    if kind == "integer":
        least, most = schema.get("minimum"), schema.get("maximum")
        low = int(least) if isinstance(least, (int, float)) else 1
        high = int(most) if isinstance(most, (int, float)) else low + 999
        return Value("integer", least=low, most=max(low, min(high, low + 999)))
    if kind == "number":
        return Value("number")
    if kind == "boolean":
        return Value("boolean")
    if form in _FORMATS:
        return Value("uuid") if form == "uuid" else Value(example=as_text(_FORMATS[form]))
    return value_of(name, "", "string" if kind == "string" else "")


def _type(schema: Mapping[str, Any]) -> str:
    """OpenAPI 3.1 may list several, null among them."""
    kind = schema.get("type")
    listed = kind if isinstance(kind, list) else [kind]
    return next((name for name in listed if isinstance(name, str) and name != "null"), "")


def _given(resolver: Resolver, described: Mapping[str, Any]) -> Any:
    """The example or default that is written there."""
    if described.get("example") is not None:
        return described["example"]
    examples = described.get("examples")
    if isinstance(examples, list) and examples:
        return examples[0]
    if isinstance(examples, Mapping) and examples:
        first = resolver.follow(next(iter(examples.values())))
        if first.get("value") is not None:
            return first["value"]
    return described.get("default")
