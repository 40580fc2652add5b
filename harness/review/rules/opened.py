"""Whether a value is a handle or a connection: something that has to be closed or given back."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness.review.program import Function, Program, assigned_values
from harness.review.syntax import CALLS, MEMBER_CALLS, called, of_type, text, variable

_OPENING = {
    "fopen", "fsockopen", "pfsockopen", "stream_socket_client", "stream_socket_accept", "stream_socket_pair", "popen",
    "proc_open", "opendir", "curl_init", "tmpfile", "socket_create",
}  # fmt: skip
_PASSING_ON = {
    "assignment_expression", "binary_expression", "conditional_expression", "array_creation_expression",
    "array_element_initializer", "error_suppression_expression", "parenthesized_expression",
}  # fmt: skip
_DEPTH = 3


def is_opened(program: Program, function: Function, value: Node, depth: int = _DEPTH) -> bool:
    """Opened right here, or in a local or a method of one's own that the value comes from over `depth` steps."""
    if value.type in CALLS and (called(value) in _OPENING or _is_taken(value)):
        return True
    if value.type in _PASSING_ON:
        return any(is_opened(program, function, child, depth) for child in value.named_children)
    return depth > 0 and any(is_opened(program, where, v, depth - 1) for where, v in _origins(program, function, value))


def _is_taken(call: Node) -> bool:
    """`$pool->get()`, `$this->pools->getPool('default')->get()`."""
    taken = call.type in MEMBER_CALLS and called(call) == "get"
    return taken and "pool" in text(call.child_by_field_name("object")).lower()


def _origins(program: Program, function: Function, value: Node) -> Iterator[tuple[Function, Node]]:
    if name := variable(value):
        yield from ((function, given) for given in assigned_values(function, name))
    own = value.type in MEMBER_CALLS and variable(value.child_by_field_name("object")) == "this"
    for method in program.lookup(function.owner.name, called(value))[:1] if own and function.owner else ():
        for statement in of_type(method.body, "return_statement"):
            yield from ((method, returned) for returned in statement.named_children)
