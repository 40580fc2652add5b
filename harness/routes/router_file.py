"""Routes that `config/routes.php` registers with Hyperf's `Router`, as far as they are written out there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tree_sitter import Node

from harness.routes.php import NotConstant, arguments, constant, field, imports, line_of, parse, resolved, text, walk
from harness.routes.route import Route, route_of

_ROUTER: Final = "Hyperf\\HttpServer\\Router\\Router"
_VERBS: Final = ("get", "post", "put", "patch", "delete", "head")
_HTTP: Final = "http"
_CLOSURES: Final = ("anonymous_function", "anonymous_function_creation_expression", "arrow_function")


def registered_routes(path: str, source: bytes) -> Iterator[Route | str]:
    """The routes of the file, which people know as `path`; a text where one is made when the app runs."""
    root = parse(source)
    yield from _below(path, root, "", imports(root))


def _below(path: str, node: Node, prefix: str, used: Mapping[str, str]) -> Iterator[Route | str]:
    for call in walk(node, into=("scoped_call_expression",)):
        if call.type != "scoped_call_expression":
            continue
        if resolved(text(field(call, "scope")).lstrip("\\"), used) == _ROUTER:
            yield from _registered(path, call, prefix, used)
        else:
            yield from (found for child in call.named_children for found in _below(path, child, prefix, used))


def _registered(path: str, call: Node, prefix: str, used: Mapping[str, str]) -> Iterator[Route | str]:
    name = text(field(call, "name")).lower()
    where = f"{path}:{line_of(call)}"
    try:
        if name == "addgroup":
            yield from _grouped(path, call, prefix, used)
        elif name == "addserver":
            server, closure = _arguments(call, "serverName", "callback")
            if constant(server) == _HTTP:
                yield from _below(path, closure, "", used)
        elif name == "addroute":
            methods, pattern = _arguments(call, "httpMethod", "route")
            given = constant(methods)
            for method in [given] if isinstance(given, str) else given:
                yield route_of(method, f"{prefix}{constant(pattern)}", where)
        elif name in _VERBS:
            (pattern,) = _arguments(call, "route")
            yield route_of(name, f"{prefix}{constant(pattern)}", where)
    except NotConstant as error:
        yield f"{where}: {str(error)[:60]} is made when the app runs"


def _grouped(path: str, call: Node, prefix: str, used: Mapping[str, str]) -> Iterator[Route | str]:
    inner, closure = _arguments(call, "prefix", "callback")
    if closure.type not in _CLOSURES:
        raise NotConstant(text(closure))
    yield from _below(path, closure, f"{prefix}{constant(inner)}", used)


def _arguments(call: Node, *names: str) -> list[Node]:
    """The first arguments of a call, by place or by name."""
    placed, named = arguments(call)
    given = dict(zip(names, placed, strict=False)) | named
    missing = [name for name in names if name not in given]
    if missing:
        raise NotConstant(f"the {missing[0]}")
    return [given[name] for name in names]
