"""Requests with templates in them: what is rendered, and that it is the same again for the same seed."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.load.template import RequestTemplate, compile_login, render_login_headers
from harness.model.load import Login, Request


def render(request: Request, number: int = 0, *, seed: int = 1, name: str = "e", **variables: Any) -> str:
    return RequestTemplate(name, request, seed=seed).render(number, **variables).target


def test_a_request_without_templates_is_constant_and_untouched() -> None:
    template = RequestTemplate("e", Request(path="/a{b}%20c", params={"q": "{x}"}), seed=0)
    assert template.constant
    assert template.render(0) == template.render(99)
    assert template.render(0).target == "/a%7Bb%7D%20c?q=%7Bx%7D"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/items/{{ sequence() }}", "/items/5"),
        ("/items/{{ sequence(100) }}", "/items/104"),
        ("/items/{{ sequence(start=0) }}", "/items/4"),
        ("/{{ 'ä b#' }}", "/%C3%A4%20b%23"),
        ("relative", "/relative"),
        ("/has?query=1", "/has?query=1"),
    ],
)
def test_paths(path: str, target: str) -> None:
    assert render(Request(path=path), number=4) == target


@pytest.mark.parametrize(
    ("value", "written"), [("a b", "a b"), (3, "3"), (1.5, "1.5"), (True, "true"), (False, "false"), (None, "")]
)
def test_scalars_are_written_as_browsers_and_php_expect_them(value: Any, written: str) -> None:
    target = render(Request(path="/p", params={"v": value, "always": 1}))
    assert parse_qs(urlsplit(target).query, keep_blank_values=True)["v"] == [written]


def test_params_are_added_to_a_query_in_the_path() -> None:
    assert render(Request(path="/p?a=1", params={"b": "{{ 1 + 1 }}"})) == "/p?a=1&b=2"


def test_templates_reach_every_string_of_a_json_body() -> None:
    body = {"list": ["{{ sequence() }}", 2], "deep": {"{{ 'key' }}": "{{ 'x' }}"}, "plain": None}
    rendered = RequestTemplate("e", Request(path="/", method="post", json_body=body), seed=0).render(0)
    assert json.loads(rendered.body) == {"list": ["1", 2], "deep": {"key": "x"}, "plain": None}
    assert (rendered.method, dict(rendered.headers)["Content-Type"]) == ("POST", "application/json")


def test_form_text_and_own_content_type() -> None:
    form = RequestTemplate("e", Request(path="/", form={"a": "{{ 1 }}", "b": "x y"}), seed=0).render(0)
    assert (form.body, dict(form.headers)) == (b"a=1&b=x+y", {"Content-Type": "application/x-www-form-urlencoded"})
    own = Request(path="/", body='{"n": {{ random_int(3, 3) }}}', headers={"content-type": "application/json"})
    rendered = RequestTemplate("e", own, seed=0).render(0)
    assert (rendered.body, dict(rendered.headers)) == (b'{"n": 3}', {"content-type": "application/json"})


def test_rows_are_taken_in_turn() -> None:
    template = RequestTemplate("e", Request(path="/{{ id }}"), seed=0, rows=({"id": 1}, {"id": "b"}))
    assert [template.render(number).target for number in range(3)] == ["/1", "/b", "/1"]


def test_the_token_is_known_to_requests_and_to_login_headers() -> None:
    assert render(Request(path="/{{ token }}"), token="t0") == "/t0"
    login = Login(request=Request(path="/login"), token="data", headers={"Authorization": "Bearer {{ token }}"})
    assert render_login_headers(login, "t0") == (("Authorization", "Bearer t0"),)


def test_each_user_may_have_an_account_of_his_own() -> None:
    login = Login(request=Request(path="/login", form={"user": "u{{ sequence() }}"}), token="t", headers={})
    template = compile_login(login, seed=0)
    assert [template.render(user).body for user in range(2)] == [b"user=u1", b"user=u2"]


RANDOM = Request(path="/{{ random_int(0, 10**9) }}/{{ random_string(8) }}/{{ uuid() }}/{{ random_choice(['a', 'b']) }}")


@given(seed=st.integers(), number=st.integers(min_value=0, max_value=10**9), name=st.text(max_size=5))
def test_the_same_seed_endpoint_and_number_give_the_same_request(seed: int, number: int, name: str) -> None:
    first = render(RANDOM, number, seed=seed, name=name)
    assert first == render(RANDOM, number, seed=seed, name=name)
    assert first != render(RANDOM, number + 1, seed=seed, name=name)
    drawn, text, identifier, choice = first[1:].split("/")
    assert int(drawn) <= 10**9
    assert len(text) == 8
    assert uuid.UUID(identifier).version == 4
    assert choice in "ab"


@given(numbers=st.sets(st.integers(min_value=0, max_value=10**6), max_size=20))
def test_sequence_never_repeats(numbers: set[int]) -> None:
    assert len({render(Request(path="/{{ sequence() }}"), number) for number in numbers}) == len(numbers)


@pytest.mark.parametrize(
    ("request_", "part"),
    [
        (Request(path="/{{ 1 + }}"), "path"),
        (Request(path="/{{ unknown }}"), "path"),
        (Request(path="/", params={"a": "{{ random_choice([]) }}"}), "params"),
        (Request(path="/", json_body=["{{ ''.__class__.__mro__[1].__subclasses__() }}"]), "json_body"),
    ],
)
def test_a_mistake_names_endpoint_and_part_and_what_may_be_used(request_: Request, part: str) -> None:
    with pytest.raises(InputError) as raised:
        render(request_, name="GET /x")
    assert "'GET /x'" in raised.value.message
    assert part in raised.value.message
    assert "random_int" in raised.value.hint


def test_two_bodies_are_a_mistake() -> None:
    with pytest.raises(InputError, match="json_body and form"):
        render(Request(path="/", json_body={}, form={}))
