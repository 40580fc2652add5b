"""Routes that attributes at controllers make, by the rules of Hyperf's DispatcherFactory (3.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tree_sitter import Node

from harness.routes.php import (
    NotConstant,
    arguments,
    constant,
    field,
    imports,
    line_of,
    namespace_of,
    parse,
    resolved,
    text,
    walk,
)
from harness.routes.route import Route, route_of

_ANNOTATIONS: Final = "Hyperf\\HttpServer\\Annotation\\"
_MAPPINGS: Final[dict[str, tuple[str, ...]]] = {
    "RequestMapping": ("GET", "POST"),
    "GetMapping": ("GET",),
    "PostMapping": ("POST",),
    "PutMapping": ("PUT",),
    "PatchMapping": ("PATCH",),
    "DeleteMapping": ("DELETE",),
}
_AUTO_METHODS: Final = ("GET", "POST", "HEAD")
_HTTP: Final = "http"


@dataclass(frozen=True)
class _File:
    path: str
    used: Mapping[str, str]
    namespace: str


def annotated_routes(path: str, source: bytes) -> Iterator[Route | str]:
    """The routes of one file, which people know as `path`; a text where one could not be read."""
    if _ANNOTATIONS.encode() not in source:
        return
    root = parse(source)
    file = _File(path, imports(root), namespace_of(root))
    for node in walk(root):
        if node.type == "class_declaration":
            yield from _class_routes(file, node)


def snake(name: str) -> str:
    """As `Hyperf\\Stringable\\Str::snake` does: `getUserInfo` → `get_user_info`."""
    if name.islower():
        return name
    return re.sub(r"(.)(?=[A-Z])", r"\1_", re.sub(r"\s+", "", name)).lower()


def prefix_of(class_name: str, prefix: str = "") -> str:
    """What every path of a controller begins with: given, or made of the class's name below `Controller\\`."""
    if not prefix:
        inside = class_name.partition("\\Controller\\")[2] or class_name
        prefix = snake(inside.replace("Controller", "", 1).replace("\\", "/")).replace("/_", "/")
    return prefix if prefix.startswith("/") else f"/{prefix}"


def _class_routes(file: _File, node: Node) -> Iterator[Route | str]:
    found = _attributes(file, node)
    made = found.get("AutoController") or found.get("Controller")
    if made is None:
        return
    constants = _constants(node)
    try:
        options = _values(made, ("prefix", "server"), constants)
    except NotConstant as error:
        yield f"{file.path}:{line_of(made)}: the prefix {error} is made when the app runs"
        return
    if str(options.get("server", _HTTP)) != _HTTP:
        return
    class_name = f"{file.namespace}\\{text(field(node, 'name'))}".lstrip("\\")
    prefix = prefix_of(class_name, str(options.get("prefix", "")))
    body = field(node, "body")
    methods = [child for child in body.named_children if child.type == "method_declaration"] if body else []
    for method in methods:
        if "AutoController" in found:
            yield from _automatic(file, method, prefix)
        else:
            yield from _mapped(file, method, prefix, constants)


def _automatic(file: _File, method: Node, prefix: str) -> Iterator[Route]:
    name = text(field(method, "name"))
    visibility = next((text(c) for c in method.named_children if c.type == "visibility_modifier"), "public")
    if visibility != "public" or name.startswith("__"):
        return
    where, types = _where(file, method), _types(method)
    paths = [f"{prefix}/{name}", *([prefix] if name == "index" else [])]
    for path in paths:
        yield from (route_of(http, path, where, types) for http in _AUTO_METHODS)


def _mapped(file: _File, method: Node, prefix: str, constants: Mapping[str, str]) -> Iterator[Route | str]:
    where = _where(file, method)
    for name, attribute in _attributes(file, method).items():
        if name not in _MAPPINGS:
            continue
        order = ("path", "methods") if name == "RequestMapping" else ("path",)
        try:
            options = _values(attribute, order, constants)
        except NotConstant as error:
            yield f"{file.path}:{line_of(attribute)}: the path or methods {error} are made when the app runs"
            continue
        path = _joined(prefix, options.get("path"), text(field(method, "name")))
        for http in _methods(options.get("methods"), _MAPPINGS[name]):
            yield route_of(http, path, where, _types(method))


def _where(file: _File, method: Node) -> str:
    """The line of its name: its attributes come before."""
    return f"{file.path}:{line_of(field(method, 'name') or method)}"


def _joined(prefix: str, path: object, method: str) -> str:
    if path is None:
        return f"{prefix}/{snake(method)}"
    if path == "":
        return prefix
    return str(path) if str(path).startswith("/") else f"{prefix.rstrip('/')}/{path}"


def _methods(given: str | list[str] | None, default: tuple[str, ...]) -> tuple[str, ...]:
    if given is None:
        return default
    names = given.split(",") if isinstance(given, str) else given
    return tuple(name.replace(" ", "").upper() for name in names)


def _attributes(file: _File, node: Node) -> dict[str, Node]:
    """Hyperf's attributes of a class or method, by their short names."""
    found: dict[str, Node] = {}
    listed = (child for child in node.named_children if child.type == "attribute_list")
    for attribute in (inner for child in listed for inner in walk(child) if inner.type == "attribute"):
        full = resolved(text(attribute.named_children[0]).lstrip("\\"), file.used)
        if full.startswith(_ANNOTATIONS):
            found.setdefault(full.removeprefix(_ANNOTATIONS), attribute)
    return found


def _values(attribute: Node, order: tuple[str, ...], constants: Mapping[str, str]) -> dict[str, str | list[str]]:
    placed, named = arguments(attribute)
    given = dict(zip(order, placed, strict=False)) | {name: node for name, node in named.items() if name in order}
    return {name: constant(node, constants) for name, node in given.items() if text(node).lower() != "null"}


def _constants(node: Node) -> dict[str, str]:
    """The class's own constants that are strings."""
    found: dict[str, str] = {}
    for element in (inner for inner in walk(node) if inner.type == "const_element"):
        name, value = element.named_children[0], element.named_children[-1]
        try:
            found[text(name)] = str(constant(value, found))
        except NotConstant:
            continue
    return found


def _types(method: Node) -> dict[str, str]:
    """Types of the method's parameters, by their names."""
    parameters = field(method, "parameters")
    found: dict[str, str] = {}
    for parameter in parameters.named_children if parameters else []:
        name, kind = field(parameter, "name"), field(parameter, "type")
        found[text(name).lstrip("$")] = text(kind).lstrip("?")
    return found
