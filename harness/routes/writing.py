"""A first scenario as a commented file: what only reads is asked, what changes something waits behind a `#`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from harness.routes.route import Body, Found, Route, Value
from harness.routes.scalars import json_lines, literal, path_with, quoted, template, written
from harness.routes.target import Target

# What a scenario may have: endpoints, fields of a request, characters of templates in all.
MOST_ON: Final = 1000
MOST_FIELDS: Final = 100
MOST_TEMPLATES: Final = 30_000
LONGEST_NAME: Final = 200
MOST_NOTES: Final = 20
_READY: Final = ("/health", "/healthz", "/health/live", "/up", "/ping", "/status", "/")


@dataclass(frozen=True)
class Draft:
    """The file's text, and how many of its endpoints are asked and how many wait behind a `#`."""

    text: str
    on: int
    off: int


def write_scenario(found: Found, target: Target, name: str, *, file: str, schema: str = "") -> Draft:
    """`file` is what the scenario will be called; `schema` where its schema is, for editors that look there."""
    on, off = _split(found.routes)
    lines = [f"# yaml-language-server: $schema={schema}"] if schema else []
    lines += _introduction(found, file, len(on), len(off))
    lines += ["", f"name: {written(name)}", "", "target:", *_target(target), f"  ready: {_ready(found.routes)}"]
    lines += [
        "",
        "load:",
        "  rate: 300/s",
        "  users: 8",
        "  budget: 2m                # of load; the more, the smaller",
    ]
    lines[-1] += " the leaks that are seen"
    lines += _login(found) if found.login else []
    lines += [
        "",
        "endpoints:",
        *_endpoints(on, off),
        "",
        "threshold: 64B               # the smallest growth a request",
    ]
    lines[-1] += " that is called a leak"
    return Draft("\n".join(lines) + "\n", max(1, len(on)), len(off))


def scenario_name(text: str) -> str:
    """A name that a scenario may have, made of a title, a folder or a host."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._").lower()[:64]
    return slug or "app"


def _split(routes: Iterable[Route]) -> tuple[list[Route], list[Route]]:
    """What is asked, and what is not: HEAD where there is a GET does the same, and too many are too many."""
    listed = list(routes)
    got = {route.path for route in listed if route.method == "GET"}
    twins = [route for route in listed if route.method == "HEAD" and route.path in got]
    safe = [route for route in listed if route.is_safe and route not in twins]
    lengths = accumulate(_template_length(route) for route in safe)
    fit = min(MOST_ON, sum(1 for length in lengths if length <= MOST_TEMPLATES))
    return safe[:fit], [*safe[fit:], *(route for route in listed if not route.is_safe)]


def _template_length(route: Route) -> int:
    values = (*route.placeholders.values(), *route.query.values(), *route.headers.values())
    return sum(len(template(value)) for value in values)


def _introduction(found: Found, file: str, on: int, off: int) -> Iterable[str]:
    yield f"# A first scenario, made from {len(found.routes):,} routes of {_comment(found.source)}."
    yield f"# {on:,} that only read are asked; {off:,} that may change something wait behind a #."
    yield "# What is made up, like {{ random_int(1, 1000) }}, should meet what there is in the app's data."
    yield f"# Next: hyperleak check {_comment(file)}, then hyperleak run {_comment(file)}"
    for note in found.notes[:MOST_NOTES]:
        yield f"# Not read: {_comment(note)}"
    if found.notes[MOST_NOTES:]:
        yield f"# Not read: {len(found.notes) - MOST_NOTES:,} more"


def _target(target: Target) -> Iterable[str]:
    if target.remark:
        yield f"  # {_comment(target.remark[:1].upper() + target.remark[1:])}."
    for key, value in target.section.items():
        yield f"  {key}: {_flow(value)}"


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_flow(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, int):
        return str(value)
    text = literal(str(value))
    return text if re.fullmatch(r"[A-Za-z/.][\w/.:-]*", text) else quoted(text)


def _ready(routes: Iterable[Route]) -> str:
    """A path that is there and wants nothing, the likeliest first."""
    plain = [r.path for r in routes if r.method == "GET" and not r.placeholders and not r.query and not r.headers]
    path = next((path for path in _READY if path in plain), "/")
    return f"{{path: {path}, timeout: 60s}}"


def _login(found: Found) -> Iterable[str]:
    likely = [r.path for r in found.routes if r.method == "POST" and re.search(r"login|sign-?in|auth|token", r.path)]
    yield from (
        "",
        "# It seems that the app wants a login. Every user sends it once before its first request:",
        "# login:",
        f"#   request: {written(f'POST {path_with(likely[0], {})}' if likely else 'POST /login')}",
        '#   json: {user: bench, password: "${BENCH_PASSWORD}"}',
        "#   token: data.token          # where the answer has it",
    )


def _endpoints(on: list[Route], off: list[Route]) -> Iterable[str]:
    names: set[str] = set()
    if not on:
        yield "  - GET /                      # no route that only reads was found: put one of yours here"
    for route in on:
        yield from (f"  {line}" for line in _endpoint(route, names))
    if off:
        yield "  #"
        yield "  # These may change something. Take the # away where that does no harm:"
    for route in off:
        yield from (f"  # {line}".rstrip() for line in _endpoint(route, names))


def _endpoint(route: Route, names: set[str]) -> Iterable[str]:
    name, path = _name(route, names), path_with(route.path, dict(route.placeholders))
    remark = _comment("; ".join(part for part in (route.remark, _made_up(route)) if part))
    told = f"   # {remark}" if remark else ""
    short = f"{route.method} {path}"
    if short == name and written(short) == short and not (route.query or route.headers or route.body):
        yield f"- {short}{told}"
        return
    yield f"- name: {written(literal(name))}{told}"
    if route.method != "GET":
        yield f"  method: {route.method}"
    yield f"  path: {written(path)}"
    yield from _values("params", route.query)
    yield from _values("headers", route.headers)
    yield from _body(route.body)


def _values(key: str, values: Mapping[str, Value]) -> Iterable[str]:
    if values:
        yield f"  {key}:"
        for name, value in list(values.items())[:MOST_FIELDS]:
            yield f"    {quoted(literal(name))}: {quoted(template(value))}"


def _body(body: Body | None) -> Iterable[str]:
    if body is None:
        return
    if body.kind == "form":
        yield "  form:" if body.example else "  form: {}"
        for name, value in list(body.example.items())[:MOST_FIELDS]:
            text = template(value) if isinstance(value, Value) else literal(str(value))
            yield f"    {quoted(literal(str(name)))}: {quoted(text)}"
    elif body.kind == "json":
        first, *rest = json_lines(body.example)
        yield f"  json: {first}"
        yield from (f"    {line}" for line in rest)
    else:
        yield f"  headers: {{Content-Type: {quoted(literal(body.content_type))}}}"
        yield f"  body: {quoted(literal(str(body.example)) or '-')}"


def _made_up(route: Route) -> str:
    made = [name for name, value in route.placeholders.items() if value.example is None and not value.choices]
    return f"{', '.join(f'{{{name}}}' for name in made)} made up" if made else ""


def _name(route: Route, names: set[str]) -> str:
    """The route's own name, cut and numbered where it must be: names of endpoints differ."""
    plain = "".join(c if c.isprintable() else "?" for c in route.name)
    name, number = plain[:LONGEST_NAME], 2
    while name in names:
        name, number = f"{plain[: LONGEST_NAME - 8]} ({number})", number + 1
    names.add(name)
    return name


def _comment(text: str) -> str:
    """Text of others in one line of a comment."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))[:300]
