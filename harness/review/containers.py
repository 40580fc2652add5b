"""Which container an expression is in: a static property, a property, a global, a function's static variable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tree_sitter import Node

from harness.review.program import Function, Program, class_of
from harness.review.reach import types_of
from harness.review.syntax import MEMBER_CALLS, MEMBERS, called, is_constant, of_type, text, variable

ContainerKind = Literal["static", "property", "global", "function static"]


@dataclass(frozen=True, slots=True)
class Container:
    """`owner` is the declaring class, or the function of a static variable; `name` the property's or variable's."""

    kind: ContainerKind
    owner: str
    name: str

    @property
    def told(self) -> str:
        """As a census names it."""
        return {
            "static": f"{self.owner}::${self.name}",
            "property": f"{self.owner}->{self.name}",
            "global": f"$GLOBALS['{self.name}']",
            "function static": f"{self.owner}()::${self.name}",
        }[self.kind]


@dataclass(frozen=True)
class Target:
    """What an expression refers to: a container, and the keys on the way into it; None is `[]`, which appends."""

    container: Container
    keys: tuple[Node | None, ...]


def target_of(program: Program, function: Function, node: Node, depth: int = 4) -> Target | None:
    """The container that `node` is, or is an element of; None where it is in none that outlives a request."""
    if node.type == "subscript_expression":
        return _element(program, function, node, depth)
    if node.type == "scoped_property_access_expression":
        owner = class_of(function, text(node.child_by_field_name("scope")))
        name = variable(node.child_by_field_name("name"))
        return Target(Container("static", program.declaring(owner, name), name), ())
    if node.type in MEMBERS:
        return _member(program, function, node, depth)
    if name := variable(node):
        return _variable(program, function, name, depth)
    if node.type == "member_call_expression" and depth:
        return _returned(program, function, node, depth - 1)
    return None


def _element(program: Program, function: Function, node: Node, depth: int) -> Target | None:
    inner, *rest = node.named_children
    key = rest[0] if rest else None
    if variable(inner) == "GLOBALS":
        name = text(key).strip("'\"") if key is not None and is_constant(key) else ""
        return Target(Container("global", "", name or text(key)), () if name else (key,))
    found = target_of(program, function, inner, depth)
    return Target(found.container, (*found.keys, key)) if found else None


def _member(program: Program, function: Function, node: Node, depth: int) -> Target | None:
    """`$this->x` and what hangs on it; where an object's class isn't known, its properties count to what holds it."""
    inner = node.child_by_field_name("object")
    owners = types_of(program, function, inner)
    name = text(node.child_by_field_name("name"))
    known = [owner for owner in owners if owner in program.classes]
    if known:
        return Target(Container("property", program.declaring(known[0], name), name), ())
    return target_of(program, function, inner, depth) if inner is not None and variable(inner) != "this" else None


def _variable(program: Program, function: Function, name: str, depth: int) -> Target | None:
    if name in _declared(function, "global_declaration"):
        return Target(Container("global", "", name), ())
    if name in _declared(function, "static_variable_declaration"):
        owner = f"{function.owner.name}::{function.name}" if function.owner else function.name
        return Target(Container("function static", owner, name), ())
    return _alias(program, function, name, depth - 1) if depth and name not in function.parameters else None


def _declared(function: Function, kind: str) -> set[str]:
    return {variable(v) for d in of_type(function.body, kind) for v in d.named_children if v.type == "variable_name"}


def _alias(program: Program, function: Function, name: str, depth: int) -> Target | None:
    """A local that was assigned an object of a container; an array would be a copy, so a call alone is followed."""
    for assignment in of_type(function.body, "assignment_expression", "reference_assignment_expression"):
        right = assignment.child_by_field_name("right")
        if right is None or variable(assignment.child_by_field_name("left")) != name:
            continue
        if assignment.type == "reference_assignment_expression":
            return target_of(program, function, right, depth)
        return _returned(program, function, right, depth) if right.type == "member_call_expression" else None
    return None


def _returned(program: Program, function: Function, call: Node, depth: int) -> Target | None:
    """What a method of one's own gives back, where it is something in a container."""
    if call.type not in MEMBER_CALLS or variable(call.child_by_field_name("object")) != "this" or not function.owner:
        return None
    for method in program.lookup(function.owner.name, called(call))[:1]:
        for value in _return_values(method):
            if found := target_of(program, method, value, depth):
                return found
    return None


def _return_values(method: Function) -> Iterator[Node]:
    for statement in of_type(method.body, "return_statement"):
        for value in statement.named_children[:1]:
            assigns = value.type in ("assignment_expression", "augmented_assignment_expression")
            left = value.child_by_field_name("left") if assigns else value
            if left is not None:
                yield left
