"""How values with a structure of their own are read: commands, pairs of names and values, JSON, rows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.scenario.fields import TEXT, Reads, source_text, unexpected
from harness.scenario.nodes import Leaf, described, scalar
from harness.scenario.problems import Mistake, Mistakes, quoted


def _read_command(data: Any) -> tuple[str, ...]:
    """The words of a command, which is a list of them or a line as in a shell."""
    if isinstance(data, list):
        words = tuple(source_text(item, "a word of the command", empty=True) for item in data)
    else:
        line = source_text(data, "a command")
        try:
            words = tuple(shlex.split(line))
        except ValueError as error:
            advice = "close the quotes, or write the command as a list"
            raise Mistake(f"the command can't be split into words: {error}", advice, data.mark) from None
    if not words or not words[0]:
        unexpected(data, "a command", "write it like [php, server.php] or `php server.php`")
    return words


COMMAND = Reads(
    _read_command,
    {"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "minItems": 1, "items": TEXT}]},
)


def _read_pairs(data: Any) -> dict[str, str | None]:
    """A mapping, or a list of KEY=VALUE; None for a name without a value, which is taken from the host."""
    pairs: dict[str, str | None] = {}
    mistakes: list[Mistake] = []
    for item in _pairs(data):
        try:
            name, value, leaf = item()
            if not re.fullmatch(r"[^\s=\0][^=\0]*", name):
                raise Mistake(f"{quoted(name)} is not a name of a variable", "write NAME: value or NAME=value", leaf)
            pairs[name] = value
        except Mistake as mistake:
            mistakes.append(mistake)
    if mistakes:
        raise Mistakes(mistakes)
    return pairs


def _pairs(data: Any) -> Iterator[Callable[[], tuple[str, str | None, Any]]]:
    if isinstance(data, Mapping):
        yield from (lambda name=name, value=value: _from_mapping(name, value) for name, value in data.items())
    elif isinstance(data, list):
        yield from (lambda item=item: _from_line(item) for item in data)
    elif not (isinstance(data, Leaf) and data.is_null):
        unexpected(data, "a mapping or a list of NAME=value", "write `NAME: value` lines")


def _from_mapping(name: str, data: Any) -> tuple[str, str | None, Any]:
    value = source_text(data, f"a value for {quoted(name)}", empty=True)
    return name, None if data.is_null else value, data.mark


def _from_line(data: Any) -> tuple[str, str | None, Any]:
    name, equals, value = source_text(data, "NAME=value").partition("=")
    return name, value if equals else None, data.mark


PAIRS = Reads(
    _read_pairs,
    {
        "anyOf": [
            {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}},
            {"type": "array", "items": {"type": "string"}},
        ]
    },
)


def _read_json(data: Any) -> object:
    """What goes out as JSON, typed as YAML 1.2 types it."""
    if isinstance(data, Leaf) and data.is_null:
        raise Mistake("the JSON body is empty", "give it a value or remove the key", data.mark)
    mistakes: list[Mistake] = []
    value = _typed(data, mistakes)
    if mistakes:
        raise Mistakes(mistakes)
    return value


def _typed(data: Any, mistakes: list[Mistake]) -> object:
    if isinstance(data, dict):
        return {key: _typed(value, mistakes) for key, value in data.items()}
    if isinstance(data, list):
        return [_typed(value, mistakes) for value in data]
    try:
        return scalar(data)
    except Mistake as mistake:
        mistakes.append(mistake)
        return None


JSON = Reads(_read_json, {"type": ["object", "array", "string", "number", "boolean"]})


def _read_values(data: Any) -> Leaf | tuple[dict[str, object], ...]:
    """The name of a file, kept with its place, or the rows themselves."""
    if isinstance(data, Leaf):
        source_text(data, "a file or a list of rows")
        return data
    if not isinstance(data, list) or not data:
        unexpected(data, "a file or a list of rows", "write the name of a .csv, .json or .jsonl file")
    mistakes: list[Mistake] = []
    rows = [_row(item, mistakes) for item in data]
    if mistakes:
        raise Mistakes(mistakes)
    return tuple(rows)


def _row(data: Any, mistakes: list[Mistake]) -> dict[str, object]:
    if not isinstance(data, dict) or not data:
        mistakes.append(Mistake(f"expected a row, found {described(data)}", "write it like {user: a, id: 1}"))
        return {}
    for name, cell in data.items():
        if not isinstance(cell, Leaf):
            what = f"the cell {quoted(name)} is {described(cell)}"
            mistakes.append(Mistake(what, "give every column one plain value"))
            return {}
    return {name: _typed(cell, mistakes) for name, cell in data.items()}


VALUES = Reads(
    _read_values,
    {
        "anyOf": [
            {"type": "string", "pattern": r"\.(?:csv|json|jsonl)$|\$\{"},
            {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
                },
            },
        ]
    },
)
