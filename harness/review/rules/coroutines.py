"""Coroutines that a request starts or suspends, and that never end."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from harness.model.review import Finding
from harness.review.findings import finding
from harness.review.program import Function, Program
from harness.review.reach import Reach, targets
from harness.review.syntax import CALLS, CLOSURES, MEMBER_CALLS, arguments, called, of_type, text, within

_STARTS = {"create", "go", "co", "swoole_coroutine_create", "fork"}
_SUSPENDS = {"suspend", "yield"}
_NEVER_ENDS = "waits for something that never comes: the coroutine never ends"
_COROUTINE = re.compile(r"(?:^|\\)(?:Coroutine|Co)$")


def find_coroutines(program: Program, reach: Reach) -> Iterator[Finding]:
    waiters = {function for function in program.functions if function.name and any(_own_waits(function))}
    for function in reach.functions:
        for call in _own_waits(function) if function in reach.roots else ():
            yield finding("endless-coroutine", "coroutine", function, call, f"{called(call)}() {_NEVER_ENDS}")
        for call in of_type(function.body, *CALLS):
            if waiters & set(targets(program, function, call)):
                yield finding("endless-coroutine", "coroutine", function, call, f"{called(call)}() {_NEVER_ENDS}")
            elif (endless := _endless(call)) is not None:
                message = f"starts a coroutine for each request that never ends: see line {endless.start_point[0] + 1}"
                yield finding("endless-coroutine", "coroutine", function, call, message)


def _own_waits(function: Function) -> Iterator[Node]:
    """Waits of the function itself; those in closures are the waits of whoever runs them."""
    for call in of_type(function.body, *CALLS):
        if _is_wait(call) and not any(around.type in CLOSURES for around in within(call, function.body)):
            yield call


def _is_wait(call: Node) -> bool:
    """`Coroutine::suspend()`, or a read of a channel that nobody else can write to: `(new Channel())->pop()`."""
    if call.type == "scoped_call_expression":
        return called(call) in _SUSPENDS and bool(_COROUTINE.search(text(call.child_by_field_name("scope"))))
    if call.type not in MEMBER_CALLS or called(call) != "pop" or arguments(call):
        return False
    made = next(of_type(call.child_by_field_name("object") or call, "object_creation_expression"), None)
    return made is not None and text(made.named_children[0]).endswith("Channel")


def _endless(call: Node) -> Node | None:
    """What in the started closure goes on for ever: a wait, or a loop that nothing leaves."""
    is_start = called(call) in _STARTS and (
        call.type == "function_call_expression" or bool(_COROUTINE.search(text(call.child_by_field_name("scope"))))
    )
    for closure in (given for given in arguments(call) if given.type in CLOSURES) if is_start else ():
        for node in of_type(closure, *CALLS, "while_statement", "for_statement"):
            if _is_wait(node) if node.type in CALLS else _is_for_ever(node):
                return node
    return None


def _is_for_ever(loop: Node) -> bool:
    condition = text(loop.child_by_field_name("condition")).strip("() ")
    unconditional = condition in ("true", "1") or (loop.type == "for_statement" and not condition)
    leaves = any(of_type(loop, "break_statement", "return_statement", "throw_expression"))
    reads = any(called(call) in ("pop", "recv", "yield") for call in of_type(loop, *MEMBER_CALLS))
    return unconditional and not leaves and not reads
