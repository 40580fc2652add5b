"""PHP source as syntax trees (tree-sitter's PHP grammar), and the few questions that are asked of its nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import tree_sitter_php
from tree_sitter import Language, Node, Parser

CALLS = (
    "function_call_expression",
    "member_call_expression",
    "nullsafe_member_call_expression",
    "scoped_call_expression",
)
MEMBER_CALLS = ("member_call_expression", "nullsafe_member_call_expression")
MEMBERS = ("member_access_expression", "nullsafe_member_access_expression")
CLOSURES = ("anonymous_function", "anonymous_function_creation_expression", "arrow_function")
LOOPS = ("while_statement", "for_statement", "do_statement", "foreach_statement")


@dataclass(frozen=True)
class SourceFile:
    """One file: its path as it is told to people, its bytes and its tree."""

    path: str
    source: bytes
    root: Node


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_php.language_php()))


def parse(path: str, source: bytes) -> SourceFile:
    return SourceFile(path, source, _parser().parse(source).root_node)


def read(file: Path, told_as: str) -> SourceFile:
    """Raises OSError."""
    return parse(told_as, file.read_bytes())


def text(node: Node | None) -> str:
    return (node.text or b"").decode("utf-8", "replace") if node else ""


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in the order of the source."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(current.children))


def of_type(node: Node, *types: str) -> Iterator[Node]:
    return (found for found in walk(node) if found.type in types)


def within(node: Node, outer: Node) -> Iterator[Node]:
    """The nodes around `node`, from the inside, up to but without `outer`."""
    current = node.parent
    while current is not None and current != outer:
        yield current
        current = current.parent


def arguments(call: Node) -> list[Node]:
    """The values given to a call or to `new`, without the names of named arguments."""
    listed = call.child_by_field_name("arguments") or next((c for c in call.children if c.type == "arguments"), None)
    given = [c for c in listed.named_children if c.type == "argument"] if listed else []
    return [argument.named_children[-1] for argument in given if argument.named_children]


def called(call: Node) -> str:
    """The name of what is called, without its class or object: `tick` of `Timer::tick(…)`."""
    return (
        text(call.child_by_field_name("name") or call.child_by_field_name("function")).lstrip("\\").rsplit("\\", 1)[-1]
    )


def variable(node: Node | None) -> str:
    """`x` of `$x`; empty for anything else."""
    return text(node).lstrip("$") if node is not None and node.type == "variable_name" else ""


def is_constant(node: Node) -> bool:
    """Whether an expression has a single value: a literal, a constant, a class's name."""
    if node.type in ("string", "integer", "float", "boolean", "null", "name", "class_constant_access_expression"):
        return True
    if node.type == "encapsed_string":
        return all(child.type in ("string_content", "escape_sequence") for child in node.named_children)
    if node.type == "binary_expression":
        return all(is_constant(child) for child in node.named_children)
    return node.type == "parenthesized_expression" and is_constant(node.named_children[0])
