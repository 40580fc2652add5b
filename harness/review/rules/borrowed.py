"""What a request takes and has to give back: a pool's connections, native memory, entries that a library keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from harness.model.review import Finding, Likelihood
from harness.model.verdict import Cause
from harness.review.findings import finding
from harness.review.keys import kind_of
from harness.review.program import Function, Program, class_of
from harness.review.reach import Reach, types_of
from harness.review.syntax import CALLS, MEMBER_CALLS, arguments, called, of_type, text, variable, within

_POOL = re.compile(r"(?:^|\\)\w*(?:Pool|PoolInterface)$")
_GIVES_BACK = {"release", "put", "close", "push", "free"}


class Keeper(NamedTuple):
    """A library's method that keeps an entry for each value of its first argument until `forgotten_by` is called."""

    owner: str
    method: str
    forgotten_by: str
    cause: Cause


KEEPERS = (
    Keeper("Hyperf\\Coordinator\\CoordinatorManager", "until", "clear", "static"),
    Keeper("Hyperf\\Logger\\LoggerFactory", "get", "", "singleton"),
    Keeper("Hyperf\\Coroutine\\Locker", "lock", "", "static"),
)


def find_unreturned(program: Program, reach: Reach) -> Iterator[Finding]:
    """Connections taken from a pool whose return is missing, or skipped when something throws."""
    for function in reach.functions:
        for call in of_type(function.body, *MEMBER_CALLS):
            if called(call) != "get" or not _is_pool(program, function, call.child_by_field_name("object")):
                continue
            taken = variable(_left(call))
            if taken and (fault := _fault(function, call, taken)):
                yield finding(
                    "unreturned-connection", "resource", function, call, f"takes a connection of a pool {fault}"
                )


def find_keepers(program: Program, reach: Reach) -> Iterator[Finding]:
    """Calls of what keeps an entry a key, with keys that a request brings."""
    for function in reach.functions:
        for call in of_type(function.body, *CALLS):
            keeper = _keeper(program, function, call)
            given = arguments(call)
            kind = kind_of(function, given[0]) if keeper and given else "few"
            if keeper is None or kind == "few":
                continue
            if keeper.forgotten_by and any(called(c) == keeper.forgotten_by for c in of_type(function.body, *CALLS)):
                continue
            likelihood: Likelihood = "likely" if kind == "new" else "possible"
            whose = "is the request's own" if kind == "new" else "may be a request's own"
            message = f"{keeper.owner}::{keeper.method}() keeps an entry for each key, and this key {whose}"
            yield finding("kept-by-key", keeper.cause, function, call, message, likelihood=likelihood)


def find_native(program: Program, reach: Reach) -> Iterator[Finding]:
    """Native memory (FFI) that is allocated and neither freed nor given to a caller that could."""
    givers = {f for f in program.functions if f.name and _gives_native(f)}
    for function in reach.functions:
        if _frees(function):
            continue
        for call in _allocations(function) if function not in givers else ():
            yield finding("native-memory", "extension", function, call, "allocates native memory and never frees it")
        for call in of_type(function.body, *MEMBER_CALLS):
            owners = types_of(program, function, call.child_by_field_name("object"))
            callees = {f for owner in owners for f in program.lookup(owner, called(call))}
            if callees & givers and function not in givers:
                message = f"{called(call)}() gives native memory that is never freed here"
                yield finding("native-memory", "extension", function, call, message)


def _is_pool(program: Program, function: Function, node: Node | None) -> bool:
    if node is not None and node.type in CALLS:
        return "pool" in called(node).lower() or "Pool" in text(node)
    return any(_POOL.search(owner) for owner in types_of(program, function, node)) or text(node).lower().endswith(
        "pool"
    )


def _left(call: Node) -> Node | None:
    """What a call is assigned to."""
    parent = call.parent
    return parent.child_by_field_name("left") if parent and parent.type == "assignment_expression" else None


def _fault(function: Function, call: Node, taken: str) -> str:
    """What is wrong with the return of the connection in `taken`; empty where nothing is."""
    after = [c for c in of_type(function.body, *CALLS) if c.start_byte > call.end_byte]
    back = [c for c in after if called(c) in _GIVES_BACK and f"${taken}" in text(c)]
    passed_on = any(
        taken in {variable(v) for v in of_type(s, "variable_name")} for s in of_type(function.body, "return_statement")
    )
    if not back:
        return "" if passed_on else "and never gives it back"
    if any(
        a.type in ("finally_clause", "anonymous_function", "arrow_function")
        for b in back
        for a in within(b, function.body)
    ):
        return ""
    between = [c for c in after if c.end_byte < back[0].start_byte and c not in back]
    return "and does not give it back when something throws: no finally block" if between else ""


def _keeper(program: Program, function: Function, call: Node) -> Keeper | None:
    if call.type == "scoped_call_expression":
        owners: tuple[str, ...] = (class_of(function, text(call.child_by_field_name("scope"))),)
    elif call.type in MEMBER_CALLS:
        owners = types_of(program, function, call.child_by_field_name("object"))
    else:
        return None
    return next((k for k in KEEPERS if k.method == called(call) and k.owner in owners), None)


def _allocations(function: Function) -> list[Node]:
    return [call for call in of_type(function.body, *MEMBER_CALLS) if called(call) in ("malloc", "calloc", "strdup")]


def _frees(function: Function) -> bool:
    return any(called(call) == "free" for call in of_type(function.body, *CALLS))


def _gives_native(function: Function) -> bool:
    """Returns what it allocated: its caller has to free it."""
    allocated = [text(call) for call in _allocations(function)]
    names = {variable(_left(call)) for call in _allocations(function)} - {""}
    for statement in of_type(function.body, "return_statement"):
        returned = {variable(value) for value in of_type(statement, "variable_name")}
        if returned & names or any(call in text(statement) for call in allocated):
            return True
    return False
