"""Timers that a request starts and nothing clears."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from harness.model.review import Finding
from harness.review.findings import finding
from harness.review.program import Function, Program
from harness.review.reach import Reach, targets, types_of
from harness.review.syntax import CALLS, arguments, called, of_type, text, variable, within

_CLEARS = {"clear", "swoole_timer_clear", "clearall", "remove", "del"}
_TIMER = re.compile(r"(?:^|\\)Timer$")


def find_timers(program: Program, reach: Reach) -> Iterator[Finding]:
    givers = {function for function in program.functions if _gives_timer(program, function)}
    for function in reach.functions:
        for call in of_type(function.body, *CALLS):
            starts = _ticks(program, function, call) or bool(givers & set(targets(program, function, call)))
            if starts and not _is_cleared(function, call):
                message = "starts a timer for each request and nothing clears it"
                yield finding("uncleared-timer", "timer", function, call, message)


def _ticks(program: Program, function: Function, call: Node) -> bool:
    """Swoole's or Hyperf's timer that repeats; one that fires once clears itself."""
    if called(call) == "swoole_timer_tick":
        return True
    if called(call) != "tick" or call.type == "function_call_expression":
        return False
    if call.type == "scoped_call_expression":
        return bool(_TIMER.search(text(call.child_by_field_name("scope"))))
    return any(_TIMER.search(owner) for owner in types_of(program, function, call.child_by_field_name("object")))


def _gives_timer(program: Program, function: Function, depth: int = 3) -> bool:
    """Whether the function gives its caller a timer's id, and with it the duty to clear it."""
    for statement in of_type(function.body, "return_statement"):
        for value in statement.named_children[:1]:
            if value.type in CALLS and function.name and _leads_to_timer(program, function, value, depth):
                return True
    return False


def _leads_to_timer(program: Program, function: Function, call: Node, depth: int) -> bool:
    if _ticks(program, function, call):
        return True
    return depth > 0 and any(
        _gives_timer(program, f, depth - 1) for f in targets(program, function, call) if f is not function
    )


def _is_cleared(function: Function, call: Node) -> bool:
    """Its id is given to somebody else or kept in a place of its own, or it is cleared or stopped here."""
    if any(around.type in ("return_statement", "arguments") for around in within(call, function.body)):
        return True
    cleared = any(called(other).lower() in _CLEARS for other in of_type(function.body, *CALLS))
    stops = any("STOP" in text(given) for given in arguments(call))
    parent = call.parent
    kept = (
        parent is not None
        and parent.type == "assignment_expression"
        and not variable(parent.child_by_field_name("left"))
    )
    return cleared or stops or kept
