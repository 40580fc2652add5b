"""Where containers grow and where they are made smaller again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from harness.review.containers import Container, target_of
from harness.review.program import Function, Program
from harness.review.reach import types_of
from harness.review.syntax import MEMBER_CALLS, arguments, called, of_type, text

_GROWING_METHODS = {"attach", "push", "enqueue", "append", "add", "offsetset", "insert"}
_RELEASING_METHODS = {
    "detach",
    "pop",
    "shift",
    "dequeue",
    "clear",
    "offsetunset",
    "extract",
    "remove",
    "removeall",
    "flush",
}
_COLLECTIONS = {
    "SplObjectStorage", "SplQueue", "SplStack", "SplDoublyLinkedList", "SplPriorityQueue", "SplMinHeap", "SplMaxHeap",
    "ArrayObject", "Collection", "Vector", "Deque", "Map", "Set",
}  # fmt: skip
_GROWING_FUNCTIONS = {"array_push", "array_unshift"}
_RELEASING_FUNCTIONS = {"array_pop", "array_shift", "array_splice", "end_clean"}
_ADDING_FUNCTIONS = {"array_merge", "array_replace", "array_merge_recursive"}


@dataclass(frozen=True)
class Growth:
    """`node` puts `value` into `container` under `keys`; None among them is `[]`."""

    function: Function
    container: Container
    node: Node
    keys: tuple[Node | None, ...]
    value: Node | None


@dataclass(frozen=True)
class Release:
    function: Function
    container: Container
    node: Node


def growths(program: Program, function: Function) -> Iterator[Growth]:
    for node in of_type(function.body, "assignment_expression", "augmented_assignment_expression"):
        yield from _assigned(program, function, node)
    for call in of_type(function.body, "function_call_expression"):
        given = arguments(call)
        if called(call) in _GROWING_FUNCTIONS and len(given) > 1:
            yield from _grown(program, function, call, given[0], (None,), given[1])
    for call in _on_collections(program, function, _GROWING_METHODS):
        inner, given = call.child_by_field_name("object"), arguments(call)
        if inner is not None and given:
            yield from _grown(program, function, call, inner, (None,), given[-1])


def releases(program: Program, function: Function) -> Iterator[Release]:
    for node in _emptied(program, function):
        if found := target_of(program, function, node):
            yield Release(function, found.container, node)
    for node in _overwritten(function):
        # A local that is assigned is not what it stood for before.
        if found := target_of(program, function, node, depth=0):
            yield Release(function, found.container, node)


def _assigned(program: Program, function: Function, node: Node) -> Iterator[Growth]:
    left, value = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or value is None:
        return
    appends_text = node.type == "augmented_assignment_expression" and ".=" in {text(c) for c in node.children}
    if left.type == "subscript_expression":
        yield from _grown(program, function, node, left, (), value)
    elif appends_text or _adds_to(left, value):
        yield from _grown(program, function, node, left, (None,), value)


def _grown(
    program: Program, function: Function, node: Node, into: Node, more: tuple[None, ...], value: Node
) -> Iterator[Growth]:
    found = target_of(program, function, into)
    if found and (found.keys or more):
        yield Growth(function, found.container, node, (*found.keys, *more), value)


def _adds_to(left: Node, value: Node) -> bool:
    """`$x = array_merge($x, …)`, `$x = [...$x, …]`, `$x = $x + …`."""
    whole = text(left)
    if value.type == "function_call_expression" and called(value) in _ADDING_FUNCTIONS:
        return any(text(given) == whole for given in arguments(value))
    if value.type == "array_creation_expression":
        return any(text(c).replace(" ", "") == f"...{whole}" for c in value.named_children)
    return (
        value.type == "binary_expression"
        and text(value.child_by_field_name("left")) == whole
        and "+" in {text(c) for c in value.children}
    )


def _emptied(program: Program, function: Function) -> Iterator[Node]:
    for statement in of_type(function.body, "unset_statement"):
        yield from statement.named_children
    for call in of_type(function.body, "function_call_expression"):
        if called(call) in _RELEASING_FUNCTIONS:
            yield from arguments(call)[:1]
    for call in _on_collections(program, function, _RELEASING_METHODS):
        if (inner := call.child_by_field_name("object")) is not None:
            yield inner


def _overwritten(function: Function) -> Iterator[Node]:
    """`$x = []`, `$x = null`, `$x = array_slice($x, …)`: the whole container is something else afterwards."""
    assignments = of_type(function.body, "assignment_expression") if function.name != "__construct" else ()
    for node in assignments:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None and left.type != "subscript_expression" and not _adds_to(left, right):
            yield left


def _on_collections(program: Program, function: Function, methods: set[str]) -> Iterator[Node]:
    for call in of_type(function.body, *MEMBER_CALLS):
        if called(call).lower() in methods:
            owners = types_of(program, function, call.child_by_field_name("object"))
            if any(owner.rsplit("\\", 1)[-1] in _COLLECTIONS for owner in owners):
                yield call
