"""What a login's answer says."""

from __future__ import annotations

import json
from typing import Any

from harness.errors import LoadError
from harness.model.load import Login

EXCERPT_LENGTH = 200


def read_token(login: Login, status: int, body: bytes) -> str:
    """The token at the dotted path `login.token` ("data.token", "items.0.id") of a JSON answer.

    Raises LoadError with the status and the beginning of a refusal; never with the request, which holds a password.
    """
    where = f"login {login.request.method} {login.request.path}"
    if not 200 <= status < 300:
        raise LoadError(f"{where} answered {status}: {_excerpt(body)}", hint="check the login's path and credentials")
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise LoadError(
            f"{where} answered {status} without JSON: {_excerpt(body)}", hint="the token is read from a JSON answer"
        ) from error
    token = _at(answer, login.token)
    if not isinstance(token, str | int) or isinstance(token, bool):
        raise LoadError(
            f"{where} answered {status} without a token at {login.token!r}; {_describe(answer)}",
            hint="token is a dotted path into the JSON answer, such as data.token",
        )
    return str(token)


def _at(value: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _describe(answer: Any) -> str:
    """The keys alone: the values may be secrets."""
    return f"its keys are {', '.join(answer) or 'none'}" if isinstance(answer, dict) else "it is no JSON object"


def _excerpt(body: bytes) -> str:
    text = " ".join(body[: 4 * EXCERPT_LENGTH].decode("utf-8", "replace").split())
    return text if len(text) <= EXCERPT_LENGTH else f"{text[:EXCERPT_LENGTH]}…"
