"""What runs for a request: everything that can be called from a handler of requests, as far as names tell.

A class hierarchy analysis (Dean, Grove & Chambers, "Optimization of Object-Oriented Programs Using Static Class
Hierarchy Analysis", ECOOP 1995) over the types that the source declares; a call on something without a type is followed
where a single class of the program has such a method.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tree_sitter import Node

from harness.review.program import Function, Program, class_of
from harness.review.syntax import CALLS, MEMBER_CALLS, MEMBERS, called, of_type, text, variable

DEEPEST = 6
REQUEST_TYPE = re.compile(r"(?:^|\\)\w*Request(?:Interface)?$")
_MAPPING = re.compile(r"(?:^|\\)(?:\w*Mapping|Inject\w*Route)$")
_HANDLER_CLASS = re.compile(r"(?:^|\\)(?:AutoController|Controller|RpcService|WebSocketController)$")
_ENTRIES: dict[str, tuple[str, ...]] = {
    "MiddlewareInterface": ("process",),
    "RequestHandlerInterface": ("handle",),
    "ExceptionHandler": ("handle",),
    "OnRequestInterface": ("onRequest",),
    "OnReceiveInterface": ("onReceive",),
    "OnPacketInterface": ("onPacket",),
    "OnMessageInterface": ("onMessage",),
    "OnOpenInterface": ("onOpen",),
    "OnCloseInterface": ("onClose",),
    "OnHandShakeInterface": ("onHandShake",),
    "ConsumerMessage": ("consume", "consumeMessage"),
    "AbstractConsumer": ("consume",),
    "Job": ("handle",),
}


@dataclass(frozen=True)
class Reach:
    """Functions that run for a request, and the classes that are made anew in one of them."""

    functions: frozenset[Function]
    made: frozenset[str]
    roots: frozenset[Function]

    def __contains__(self, function: Function) -> bool:
        return function in self.functions


def reach_of(program: Program) -> Reach:
    roots = [function for function in program.functions if _is_entry(program, function)]
    roots += [found for function in program.functions for found in _routed(program, function)]
    seen: set[Function] = set()
    made: set[str] = set()
    waiting = list(roots)
    while waiting:
        function = waiting.pop()
        if function not in seen:
            seen.add(function)
            made.update(_made(function))
            waiting.extend(callees(program, function))
    return Reach(frozenset(seen), frozenset(made), frozenset(roots))


def _is_entry(program: Program, function: Function) -> bool:
    if function.owner is None or not function.is_public or function.name.startswith("__con"):
        return False
    if any(REQUEST_TYPE.search(name) for types in function.parameters.values() for name in types):
        return True
    if any(_MAPPING.search(name) for name in function.attributes):
        return True
    ancestors = {name.rsplit("\\", 1)[-1] for name in program.ancestors(function.owner.name)}
    if any(function.name in methods for base, methods in _ENTRIES.items() if base in ancestors):
        return True
    is_controller = any(_HANDLER_CLASS.search(name) for name in function.owner.attributes)
    return is_controller or function.owner.short_name.endswith("Controller")


def _routed(program: Program, function: Function) -> Iterator[Function]:
    """Handlers given to a router: `Router::get('/x', [X::class, 'show'])`, `'App\\X@show'`, `'App\\X::show'`."""
    if "Router::" not in text(function.node):
        return
    for call in of_type(function.body, "scoped_call_expression"):
        if text(call.child_by_field_name("scope")).rsplit("\\", 1)[-1] != "Router":
            continue
        for array in of_type(call, "array_creation_expression"):
            parts = [element.named_children[-1] for element in array.named_children if element.named_children]
            if len(parts) == 2 and parts[0].type == "class_constant_access_expression":
                owner = class_of(function, text(parts[0].named_children[0]))
                yield from program.lookup(owner, text(parts[1]).strip("'\""))
        for string in of_type(call, "string", "encapsed_string"):
            owner, sign, method = re.sub(r"\\\\", r"\\", text(string).strip("'\"")).replace("::", "@").partition("@")
            yield from program.lookup(owner.lstrip("\\"), method) if sign else ()


def _made(function: Function) -> Iterator[str]:
    for node in of_type(function.body, "object_creation_expression"):
        name = next((c for c in node.named_children if c.type in ("name", "qualified_name", "relative_scope")), None)
        if name is not None:
            yield class_of(function, text(name))
    for call in of_type(function.body, "function_call_expression"):
        if called(call) == "make" and (first := next(of_type(call, "class_constant_access_expression"), None)):
            yield class_of(function, text(first.named_children[0]))


def callees(program: Program, function: Function) -> Iterator[Function]:
    """What the function may call, closures in it included."""
    for call in of_type(function.body, *CALLS):
        yield from targets(program, function, call)
    for name in _made(function):
        yield from program.lookup(name, "__construct")


def targets(program: Program, function: Function, call: Node) -> Iterable[Function]:
    """The functions that a call may run, as far as the source tells."""
    name = called(call)
    if call.type == "scoped_call_expression":
        return program.lookup(class_of(function, text(call.child_by_field_name("scope"))), name)
    if call.type in MEMBER_CALLS:
        owners = types_of(program, function, call.child_by_field_name("object"))
        if owners:
            return [found for owner in owners for found in program.lookup(owner, name)]
        same = program.methods_named(name)
        return same if len(same) == 1 else ()
    return program.functions_named(name)


def types_of(program: Program, function: Function, node: Node | None, depth: int = DEEPEST) -> tuple[str, ...]:
    """Classes that an expression may be of; empty where the source doesn't say, or only over `depth` steps."""
    if node is None or not depth:
        return ()
    if node.type == "parenthesized_expression":
        return types_of(program, function, node.named_children[0], depth)
    if node.type == "object_creation_expression":
        return (class_of(function, text(node.named_children[0])),)
    if (name := variable(node)) == "this":
        return (function.owner.name,) if function.owner else ()
    if name:
        return function.parameters.get(name, ()) or _assigned(program, function, name, depth - 1)
    if node.type in MEMBERS:
        owners = types_of(program, function, node.child_by_field_name("object"), depth - 1)
        prop = text(node.child_by_field_name("name"))
        return tuple(t for owner in owners for t in program.property_types(owner, prop))
    return ()


def _assigned(program: Program, function: Function, name: str, depth: int) -> tuple[str, ...]:
    for assignment in of_type(function.body, "assignment_expression"):
        right = assignment.child_by_field_name("right")
        told = right is not None and (right.type == "object_creation_expression" or right.type in MEMBERS)
        if told and variable(assignment.child_by_field_name("left")) == name:
            return types_of(program, function, right, depth)
    return ()
