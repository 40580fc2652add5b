"""Requests with `{{ … }}` in them: compiled once, rendered for every request, the same for the same seed.

A string with `{{` is a Jinja2 template in a sandbox; every other string is left alone. A template always renders to a
string, inside of `json_body` too; a number in JSON is written through `body`. It may use:

- `random_int(a, b)`, `random_choice(items)`, `random_string(n)`, `uuid()`: drawn from the spec's seed, the endpoint
  and the number of the request, so that a run can be repeated;
- `sequence(start=1)`: `start`, `start + 1`, …: one number a request of this endpoint, never the same twice in a run;
- the columns of the endpoint's `values`, whose rows are taken in turn; `token`, if there is a login.

Nothing here reads a clock or opens a connection.
"""

from __future__ import annotations

import json
import random
import string
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from harness.errors import InputError
from harness.model.load import Endpoint, Login, Request, Scalar

Variables = Mapping[str, Any]
Renderer = Callable[[Variables], Any]

FUNCTIONS = ("random_int", "random_choice", "random_string", "uuid", "sequence")
LETTERS = string.ascii_letters + string.digits
PATH_SAFE = "/?%:@!$&'()*+,;=~-._[]"

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Rendered:
    """A request as it goes out; `target` is path and query, `headers` have no Host and no Content-Length."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class RequestTemplate:
    """A request that is rendered for every number; `constant` if all of them are the same."""

    def __init__(self, name: str, request: Request, *, seed: int, rows: tuple[dict[str, Scalar], ...] = ()) -> None:
        """`name` is the endpoint's. Raises InputError if a template doesn't compile or can't be rendered."""
        self.name = name
        self._seed = seed
        self._rows = rows
        self._parts = {part: _compile(name, part, value) for part, value in _parts_of(name, request).items()}
        self.constant = not any(isinstance(part, _Template) for part in self._parts.values())
        self._method = request.method.upper()

    def render(self, number: int, **variables: Any) -> Rendered:
        """The request of this number, counted from 0. Raises InputError if a template fails."""
        values = {} if self.constant else self._values(number, variables)
        parts = {part: self._render_part(part, compiled, values) for part, compiled in self._parts.items()}
        content_type, body = _body(parts)
        headers = {str(name): _text(value) for name, value in parts["headers"].items()}
        if content_type and "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = content_type
        target = _target(parts["path"], parts["params"])
        return Rendered(self._method, target, tuple(headers.items()), body)

    def _values(self, number: int, variables: Variables) -> dict[str, Any]:
        draw = random.Random(f"{self._seed}/{self.name}/{number}")
        row = self._rows[number % len(self._rows)] if self._rows else {}
        return {**_functions(draw, number), **variables, **row}

    def _render_part(self, part: str, compiled: Any, values: Variables) -> Any:
        if not isinstance(compiled, _Template):
            return compiled
        try:
            return compiled.render(values)
        except Exception as error:
            raise _mistake(self.name, part, error) from error


def compile_endpoint(endpoint: Endpoint, *, seed: int) -> RequestTemplate:
    """Raises InputError naming the endpoint and the part of it."""
    return RequestTemplate(endpoint.name, endpoint.request, seed=seed, rows=endpoint.values)


def compile_login(login: Login, *, seed: int) -> RequestTemplate:
    """The login's request; its `number` is the user's, so `sequence()` gives each user his own account."""
    return RequestTemplate("login", login.request, seed=seed)


def render_login_headers(login: Login, token: str) -> tuple[tuple[str, str], ...]:
    """The headers of every later request, with the token filled in. Raises InputError."""
    compiled = _compile("login", "headers", login.headers)
    headers = compiled.render({"token": token}) if isinstance(compiled, _Template) else compiled
    return tuple(headers.items())


@dataclass(frozen=True)
class _Template:
    """A value somewhere in which there is a template."""

    render: Renderer


def _environment() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    # These two draw from the process's own generator, which no seed repeats.
    environment.globals.pop("lipsum")
    environment.filters.pop("random")
    return environment


_ENVIRONMENT = _environment()


def _parts_of(name: str, request: Request) -> dict[str, Any]:
    bodies = [body for body in ("json_body", "form", "body") if getattr(request, body) is not None]
    if len(bodies) > 1:
        raise InputError(f"endpoint {name!r} has {' and '.join(bodies)}", hint="a request has one body: keep one")
    return {part: getattr(request, part) for part in ("path", "params", "headers", "json_body", "form", "body")}


def _compile(name: str, part: str, value: Any) -> Any:
    """The value itself if there is no template in it, else a _Template."""
    try:
        renderer = _renderer(value)
    except jinja2.TemplateError as error:
        raise _mistake(name, part, error) from error
    return value if renderer is None else _Template(renderer)


def _renderer(value: Any) -> Renderer | None:
    if isinstance(value, str):
        return _ENVIRONMENT.from_string(value).render if "{{" in value else None
    if isinstance(value, Mapping):
        return _mapping_renderer(value)
    if isinstance(value, list | tuple):
        return _list_renderer(list(value))
    return None


def _mapping_renderer(value: Mapping[str, Any]) -> Renderer | None:
    pairs = [((key, _renderer(key)), (item, _renderer(item))) for key, item in value.items()]
    if not any(key[1] or item[1] for key, item in pairs):
        return None
    return lambda values: {_apply(key, values): _apply(item, values) for key, item in pairs}


def _list_renderer(value: list[Any]) -> Renderer | None:
    items = [(item, _renderer(item)) for item in value]
    if not any(renderer for _, renderer in items):
        return None
    return lambda values: [_apply(item, values) for item in items]


def _apply(value: tuple[Any, Renderer | None], values: Variables) -> Any:
    constant, renderer = value
    return constant if renderer is None else renderer(values)


def _functions(draw: random.Random, number: int) -> dict[str, Callable[..., Any]]:
    return {
        "random_int": draw.randint,
        "random_choice": lambda items: draw.choice(items),
        "random_string": lambda n: "".join(draw.choices(LETTERS, k=n)),
        "uuid": lambda: str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        "sequence": lambda start=1: start + number,
    }


def _target(path: str, params: Mapping[str, Scalar]) -> str:
    target = quote(path if path.startswith("/") else f"/{path}", safe=PATH_SAFE)
    query = urlencode({name: _text(value) for name, value in params.items()})
    if not query:
        return target
    return f"{target}{'&' if '?' in target else '?'}{query}"


def _body(parts: Mapping[str, Any]) -> tuple[str, bytes]:
    """Content type and bytes."""
    if parts["json_body"] is not None:
        return "application/json", json.dumps(parts["json_body"], ensure_ascii=False).encode()
    if parts["form"] is not None:
        return _FORM, urlencode({name: _text(value) for name, value in parts["form"].items()}).encode()
    if parts["body"] is not None:
        return "text/plain; charset=utf-8", parts["body"].encode()
    return "", b""


def _text(value: Scalar) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _mistake(name: str, part: str, error: Exception) -> InputError:
    known = ", ".join(FUNCTIONS)
    return InputError(
        f"endpoint {name!r}: the template in {part} fails: {error}",
        hint=f"a template may use {known}, the columns of the endpoint's values, and token if there is a login",
    )
