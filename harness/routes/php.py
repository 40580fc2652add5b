"""PHP source as a syntax tree, and the few constant values that routes are written with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import tree_sitter_php
from tree_sitter import Language, Node, Parser

_STRINGS = ("string", "encapsed_string")


class NotConstant(ValueError):
    """The value is made when the app runs."""


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_php.language_php()))


def parse(source: bytes) -> Node:
    return _parser().parse(source).root_node


def text(node: Node | None) -> str:
    return (node.text or b"").decode("utf-8", errors="replace") if node is not None else ""


def walk(node: Node, *, into: tuple[str, ...] = ()) -> Iterator[Node]:
    """`node` and all below it in the order of the source, but not below nodes of the types `into`."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        if found is node or found.type not in into:
            waiting.extend(reversed(found.named_children))


def field(node: Node, name: str) -> Node | None:
    return node.child_by_field_name(name)


def imports(root: Node) -> dict[str, str]:
    """Local name → class name of every `use`, without a leading backslash."""
    found: dict[str, str] = {}
    for declaration in (node for node in walk(root) if node.type == "namespace_use_declaration"):
        prefix = next((text(c) for c in declaration.named_children if c.type == "namespace_name"), "")
        for clause in (node for node in walk(declaration) if node.type == "namespace_use_clause"):
            names = [text(child) for child in clause.named_children]
            full = (f"{prefix}\\{names[0]}" if prefix else names[0]).lstrip("\\")
            found[names[1] if len(names) > 1 else full.rpartition("\\")[2]] = full
    return found


def resolved(name: str, used: Mapping[str, str]) -> str:
    """The class that `name` means in a file with these imports; its own name where nothing says more."""
    first, _, rest = name.partition("\\")
    full = used.get(first, first)
    return f"{full}\\{rest}" if rest else full


def namespace_of(root: Node) -> str:
    declared = next((node for node in root.named_children if node.type == "namespace_definition"), None)
    return text(field(declared, "name")) if declared is not None else ""


def constant(node: Node, constants: Mapping[str, str] | None = None) -> str | list[str]:
    """The value of a string, of strings joined by dots, of a list of them, or of a constant of the class.

    Raises NotConstant for everything else.
    """
    if node.type in _STRINGS:
        return _string(node)
    if node.type == "binary_expression" and text(field(node, "operator")) == ".":
        return "".join(str(constant(side, constants)) for side in node.named_children)
    if node.type == "array_creation_expression":
        return [str(constant(element.named_children[-1], constants)) for element in node.named_children]
    if node.type == "class_constant_access_expression":
        return _class_constant(node, constants or {})
    if node.type in ("null", "name") and text(node).lower() == "null":
        raise NotConstant("null")
    raise NotConstant(text(node))


def arguments(call: Node) -> tuple[list[Node], dict[str, Node]]:
    """The arguments of a call or an attribute: by place, and by name."""
    placed: list[Node] = []
    named: dict[str, Node] = {}
    inside = next((child for child in call.named_children if child.type == "arguments"), None)
    for argument in inside.named_children if inside is not None else []:
        if argument.type != "argument":
            continue
        name, value = field(argument, "name"), argument.named_children[-1]
        if name is not None:
            named[text(name)] = value
        else:
            placed.append(value)
    return placed, named


def line_of(node: Node) -> int:
    return node.start_point[0] + 1


def _string(node: Node) -> str:
    parts = node.named_children
    if any(part.type not in ("string_content", "escape_sequence") for part in parts):
        raise NotConstant(text(node))
    return "".join(text(part).replace("\\\\", "\\") for part in parts)


def _class_constant(node: Node, constants: Mapping[str, str]) -> str:
    owner, name = (text(child) for child in node.named_children[:2])
    if owner in ("self", "static") and name in constants:
        return constants[name]
    if owner.rpartition("\\")[2] == "RequestMapping":
        return name
    raise NotConstant(text(node))
