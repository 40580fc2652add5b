"""JSON Schema of a scenario as people write it, short forms included: what an editor completes and checks."""

from __future__ import annotations

from typing import Any

from harness.scenario.written import BODIES, HEADER_NAME_PATTERN, KINDS, METHODS, ScenarioWritten

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SUFFIX = "Written"

Schema = dict[str, Any]


def json_schema() -> Schema:
    """Draft 2020-12. What only the reader can know (files, templates, names that have to match) isn't in it."""
    schema: Schema = _cleaned(ScenarioWritten.model_json_schema(by_alias=True))
    definitions: dict[str, Schema] = schema["$defs"]
    for definition in definitions.values():
        if "headers" in definition["properties"]:
            definition["properties"]["headers"]["propertyNames"] = {"pattern": f"^(?:{HEADER_NAME_PATTERN})$"}
    for name, key in (("Build", "context"), ("Ready", "path")):
        definitions[name] = _or_text(definitions[name], f"short for {key}")
    definitions["Request"] = _request(definitions["Request"])
    definitions["Endpoint"] = _request(definitions["Endpoint"])
    definitions["Login"].update(_at_most_one(BODIES))
    definitions["Target"].update(_target_rules())
    return {"$schema": _DIALECT, **schema, "title": "hyperleak scenario"}


def _cleaned(node: Any) -> Any:
    """Without pydantic's null for what was left out, its titles, and the names of Python classes."""
    if isinstance(node, list):
        return [_cleaned(item) for item in node]
    if isinstance(node, str) and node.startswith("#/$defs/"):
        return node.removesuffix(_SUFFIX)
    if not isinstance(node, dict):
        return node
    kept = {
        key.removesuffix(_SUFFIX) if key.endswith(_SUFFIX) else key: _cleaned(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and not _shown(value))
    }
    return _without_null(kept)


def _shown(default: object) -> bool:
    return isinstance(default, (str, int, float))


def _without_null(node: Schema) -> Schema:
    options = node.get("anyOf")
    if not isinstance(options, list) or {"type": "null"} not in options:
        return node
    left = [option for option in options if option != {"type": "null"}]
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    return {**rest, **left[0]} if len(left) == 1 else {**rest, "anyOf": left}


def _or_text(schema: Schema, description: str, pattern: str | None = None) -> Schema:
    text: Schema = {"type": "string", "minLength": 1, "description": description}
    return {"anyOf": [text if pattern is None else {**text, "pattern": pattern}, schema]}


def _request(schema: Schema) -> Schema:
    pattern = rf"^\s*(?:{'|'.join(METHODS)}|.*\$\{{.*)\s+(?:/|.*\$\{{)|^\s*\$\{{"
    return _or_text({**schema, **_at_most_one(BODIES)}, "short for method and path, like GET /orders", pattern)


def _at_most_one(keys: tuple[str, ...]) -> Schema:
    pairs = [[a, b] for index, a in enumerate(keys) for b in keys[index + 1 :]]
    return {"not": {"anyOf": [{"required": pair} for pair in pairs]}}


def _target_rules() -> Schema:
    """Exactly one kind; keys of another kind are refused, and all but a command need a port."""
    others = [
        {
            "required": [kind, "port"],
            "not": {"anyOf": [{"required": [key]} for key in _foreign(kind)]},
            "properties": {"port": {"not": {"const": 0}}},
        }
        for kind in KINDS
        if kind != "command"
    ]
    command = {"required": ["command"], "not": {"anyOf": [{"required": [key]} for key in _foreign("command")]}}
    return {"oneOf": [*others, command]}


def _foreign(kind: str) -> list[str]:
    keys = [other for other in KINDS if other != kind]
    keys += ["container_command"] if kind in ("compose", "command") else []
    return keys + ([] if kind == "command" else ["cwd", "port_variable"])
