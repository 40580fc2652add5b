"""Reading a login's answer; a refusal is told without telling secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.errors import LoadError
from harness.load.login import read_token
from harness.model.load import Login, Request


def login(token: str) -> Login:
    return Login(request=Request(method="POST", path="/login", form={"password": "s3cret"}), token=token, headers={})


@pytest.mark.parametrize(
    ("answer", "path", "token"),
    [
        ({"token": "abc"}, "token", "abc"),
        ({"data": {"jwt": "x.y"}}, "data.jwt", "x.y"),
        ({"items": [{"id": 7}]}, "items.0.id", "7"),
    ],
)
def test_the_token_is_found_by_its_path(answer: Any, path: str, token: str) -> None:
    assert read_token(login(path), 201, json.dumps(answer).encode()) == token


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b'{"error": "who are you"}', r'POST /login answered 401: \{"error": "who are you"\}'),
        (500, b"x" * 5000, "answered 500: x{200}…"),
        (200, b"<html>", "answered 200 without JSON: <html>"),
        (200, b'{"access": "v4lue"}', "without a token at 'token'; its keys are access"),
        (200, b'{"token": {"a": 1}}', "without a token at 'token'"),
        (200, b"[1]", "it is no JSON object"),
    ],
)
def test_a_refusal_says_status_and_excerpt_and_no_secret(status: int, body: bytes, said: str) -> None:
    with pytest.raises(LoadError, match=said) as raised:
        read_token(login("token"), status, body)
    assert "s3cret" not in str(raised.value)
    assert "v4lue" not in str(raised.value)
