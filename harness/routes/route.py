"""A route as every source of routes tells it, and what is put into its path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
SAFE: Final = ("GET", "HEAD")
_WHOLE_NUMBERS = re.compile(r"\\d|\[0-9\]")
# A placeholder as FastRoute writes it; its pattern may have braces of its own.
_PLACEHOLDER = re.compile(r"\{\s*([A-Za-z_][A-Za-z0-9_-]*)\s*(?::((?:[^{}]|\{[^{}]*\})*))?\}")


@dataclass(frozen=True, slots=True)
class Value:
    """Something to send: a literal `example`, or by `kind` something made up within the limits, or one of `choices`."""

    kind: Literal["integer", "number", "text", "uuid", "boolean"] = "text"
    example: str | None = None
    choices: tuple[str, ...] = ()
    least: int = 1
    most: int = 1000


@dataclass(frozen=True, slots=True)
class Body:
    kind: Literal["json", "form", "body"]
    example: Any
    content_type: str = ""


@dataclass(frozen=True)
class Route:
    """One request. `path` has `{name}` where `placeholders` go; `where` is the action, or file and line."""

    method: str
    path: str
    placeholders: Mapping[str, Value] = field(default_factory=dict)
    query: Mapping[str, Value] = field(default_factory=dict)
    headers: Mapping[str, Value] = field(default_factory=dict)
    body: Body | None = None
    where: str = ""
    remark: str = ""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_safe(self) -> bool:
        return self.method in SAFE


@dataclass(frozen=True)
class Found:
    """The routes of one app. `source` says where they are from, `notes` what could not be read.

    `port` is the one that the app listens on and `login` whether it wants one, as far as the source tells.
    """

    routes: tuple[Route, ...]
    source: str
    notes: tuple[str, ...] = ()
    title: str = ""
    port: int | None = None
    login: bool = False


def route_of(method: str, pattern: str, where: str = "", types: Mapping[str, str] | None = None) -> Route:
    """The route of FastRoute's `pattern`: `/users/{id:\\d+}[/{page}]`, without what is optional in it.

    `types` are those of the action's parameters, which tell what a placeholder without a pattern takes.
    """
    required, optional = _required(pattern)
    placeholders: dict[str, Value] = {}

    def plain(match: re.Match[str]) -> str:
        placeholders[match[1]] = value_of(match[1], match[2] or "", (types or {}).get(match[1], ""))
        return f"{{{match[1]}}}"

    path = _PLACEHOLDER.sub(plain, required) or "/"
    remark = f"{optional} may follow" if optional else ""
    return Route(method.upper(), path if path.startswith("/") else f"/{path}", placeholders, where=where, remark=remark)


def value_of(name: str, pattern: str = "", php_type: str = "") -> Value:
    """What fits a placeholder, by its pattern, the type of the parameter, or its name."""
    alternatives = pattern.strip("()?:").split("|")
    if pattern and len(alternatives) > 1 and all(re.fullmatch(r"[\w.-]+", choice) for choice in alternatives):
        return Value(choices=tuple(alternatives))
    if "uuid" in name.lower() or "[0-9a-f]" in pattern.lower():
        return Value("uuid")
    if php_type == "int" or _WHOLE_NUMBERS.match(pattern):
        return Value("integer")
    named_as_number = re.search(r"(?:^|_)id$|[a-z]Id$|^(?:page|limit|offset|year|num(?:ber)?)$", name)
    return Value("integer") if named_as_number and not pattern and php_type != "string" else Value()


def unique(routes: Iterable[Route]) -> tuple[Route, ...]:
    """Each method and path once, the first to tell it wins; methods that no scenario can send are left out."""
    by_name: dict[str, Route] = {}
    for route in routes:
        if route.method in METHODS:
            by_name.setdefault(route.name, route)
    return tuple(by_name.values())


def _required(pattern: str) -> tuple[str, str]:
    """What stands before the first bracket that isn't in a placeholder, and the optional rest."""
    depth = 0
    for at, character in enumerate(pattern):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "[" and depth == 0:
            return pattern[:at], pattern[at:]
    return pattern, ""
