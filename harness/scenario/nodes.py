"""A scenario's YAML as a tree that knows where everything was written, and what a bare scalar stands for."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.model.load import Scalar
from harness.scenario.problems import Mark, Mistake, quoted

# YAML 1.2's core schema, so that `no`, `on` and `12:30` are text; a number with leading zeros is text as well.
_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAX_DIGITS = 400


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar's text as people wrote it; `plain` without quotes, `filled` if a variable was put in."""

    text: str
    mark: Mark
    plain: bool = True
    filled: bool = False

    @property
    def size(self) -> int:
        return 1

    @property
    def is_null(self) -> bool:
        return self.plain and not self.filled and self.text in _NULLS

    def replaced(self, text: str) -> Leaf:
        """Another text from the same place."""
        return Leaf(text, self.mark, self.plain, self.filled)


@dataclass(frozen=True, slots=True)
class Items:
    items: tuple[Node, ...]
    mark: Mark
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    key_mark: Mark
    node: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    entries: dict[str, Entry]
    mark: Mark
    size: int


Node = Leaf | Items | Mapping


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was written, and the key before it (the same for items of a list)."""

    key: Mark
    value: Mark


def locate(root: Node, path: Sequence[str | int]) -> Place:
    """The place of `path`, or of its nearest ancestor that was written."""
    place, node = Place(root.mark, root.mark), root
    for step in path:
        if isinstance(node, Mapping) and isinstance(step, str) and step in node.entries:
            entry = node.entries[step]
            node, place = entry.node, Place(entry.key_mark, entry.node.mark)
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            place = Place(node.mark, node.mark)
        else:
            break
    return place


def to_data(node: Node) -> Any:
    """Plain dicts and lists with the leaves in them."""
    if isinstance(node, Mapping):
        return {key: to_data(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Items):
        return [to_data(item) for item in node.items]
    return node


def scalar(leaf: Leaf) -> Scalar:
    """What the leaf stands for under YAML 1.2; raises Mistake for a number that nothing can hold."""
    text = leaf.text
    if not leaf.plain or (leaf.filled and not text):
        return text
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    return _number(leaf)


def _number(leaf: Leaf) -> Scalar:
    text = leaf.text
    if _NOT_FINITE.fullmatch(text):
        raise Mistake(f"{quoted(text)} is not a finite number", "write a number, or put it in quotes", leaf.mark)
    if not _FLOAT.fullmatch(text) and not _BASED.fullmatch(text):
        return text
    if len(text) > _MAX_DIGITS:
        raise Mistake(f"the number {quoted(text)} is too long", "put it in quotes to send it as text", leaf.mark)
    if _INTEGER.fullmatch(text) or _BASED.fullmatch(text):
        return int(text, 0)
    number = float(text)
    if not math.isfinite(number):
        raise Mistake(f"the number {quoted(text)} is too large", "put it in quotes to send it as text", leaf.mark)
    return number


def described(data: object) -> str:
    """What stands there, for "expected …, found …"; takes nodes and plain data."""
    if isinstance(data, Leaf):
        return "nothing" if data.is_null else quoted(data.text)
    if isinstance(data, str):
        return quoted(data)
    return "a list" if isinstance(data, (list, Items)) else "a mapping"
