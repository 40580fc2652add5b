"""Environment variables in a scalar, as in Compose: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `$$`.

Without the colon an empty variable counts as set. `+` puts its text only where the variable is set. Defaults
may hold variables themselves. What a variable holds is not looked into again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.scenario.problems import Mistake, quoted

MAX_FILLED_CHARACTERS = 1024 * 1024
_MAX_NESTING = 8

_DOLLAR = re.compile(r"\$(?:(?P<escaped>\$)|(?P<open>\{)|(?P<bare>[A-Za-z_][A-Za-z0-9_]*))")
_HEAD = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<operator>:?[-?+])?")
_BRACE = re.compile(r"\$\$|\$\{|\}")


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    """`text` with its variables filled in; raises Mistake for a missing one and for a malformed `${`."""
    return _fill(text, environment, depth=0)


def _fill(text: str, environment: Mapping[str, str], depth: int) -> str:
    if depth > _MAX_NESTING:
        raise Mistake("the defaults of ${…} are nested too deeply", "take a simpler default")
    parts: list[str] = []
    position = length = 0
    while (found := _DOLLAR.search(text, position)) is not None:
        parts.append(text[position : found.start()])
        filled, position = _one(text, found, environment, depth)
        parts.append(filled)
        length += len(filled)
        if length > MAX_FILLED_CHARACTERS:
            raise Mistake("the variables fill in more than 1 MiB of text", "use smaller values")
    return "".join(parts) + text[position:]


def _one(text: str, found: re.Match[str], environment: Mapping[str, str], depth: int) -> tuple[str, int]:
    """What one `$…` becomes, and where the text goes on."""
    if found["escaped"]:
        return "$", found.end()
    if found["bare"]:
        name = found["bare"]
        raise Mistake(
            f"{quoted('$' + name)} is neither a variable nor plain text",
            f"write ${{{name}}} for the variable or $${name} for the text",
        )
    end = _closing(text, found.end())
    head = _HEAD.match(text, found.end(), end)
    if head is None or (head["operator"] is None and head.end() != end):
        raise Mistake(
            f"{quoted(text[found.start() : end + 1])} is not a variable",
            "write ${NAME}, ${NAME:-default} or ${NAME:?message}, and $$ for a dollar sign",
        )
    return _substitute(head, text[head.end() : end], environment, depth), end + 1


def _closing(text: str, start: int) -> int:
    depth = 1
    for brace in _BRACE.finditer(text, start):
        depth += {"$$": 0, "${": 1, "}": -1}[brace[0]]
        if depth == 0:
            return brace.start()
    raise Mistake("a ${ is not closed", "add the } or write $$ for a dollar sign")


def _substitute(head: re.Match[str], operand: str, environment: Mapping[str, str], depth: int) -> str:
    name, operator = head["name"], head["operator"] or ""
    value = environment.get(name)
    present = value is not None and (value != "" or not operator.startswith(":"))
    if operator.endswith("+"):
        return _fill(operand, environment, depth + 1) if present else ""
    if present and value is not None:
        return value
    if operator.endswith("-"):
        return _fill(operand, environment, depth + 1)
    message = " ".join(_fill(operand, environment, depth + 1).split()) if operator else ""
    state = "empty" if value == "" else "not set"
    raise Mistake(
        f"the environment variable {name} is {state}{': ' if message else ''}{message[:200]}",
        f"set it, or write ${{{name}:-default}}",
    )
