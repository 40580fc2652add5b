"""Templates are judged before a request is sent, and never run here."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario.templates import Templates

GOOD = [
    "no template, } and { alone",
    "{{ random_int(1, 1000) }}",
    "{{ random_int(a=1, b=2) }}{{ sequence() }}{{ sequence(start=5) }}{{ uuid() }}",
    "{{ random_choice(['a', user]) | upper }}",
    "{{ random_string(8)[:4] }}",
    "{{ 'x' if id == 1 else 'y' }}",
    "{{ user ~ '-' ~ id }}{{ -id + 1 }}",
    "{{ user is defined }}",
    "{{ '{{' }}",
    "{{ user }}{# a remark #}",
    "#menu {#x} and {% of the text is no template",
]
BAD = [
    ("{{ user", "the template is broken"),
    ("{{ user }} {{", "the template is broken"),
    ("{{ 1 + }}", "the template is broken"),
    ("{{ usr }}", "'usr' is not known; did you mean 'user'?"),
    ("{{ zzz }}", "the variables here are id, user"),
    ("{{ token }}", "add a `login:`"),
    ("{{ random_itn(1, 2) }}", "did you mean 'random_int'?"),
    ("{{ range(10**9) }}", "'range' is not known"),
    ("{{ user() }}", "the function 'user' is not known"),
    ("{{ uuid }}", "uuid is a function; call it like {{ uuid() }}"),
    ("{{ random_int(1) }}", "random_int can't be called like this: missing a required argument: 'b'"),
    ("{{ random_int(1, 2, 3) }}", "too many positional arguments"),
    ("{{ sequence(begin=1) }}", "unexpected keyword argument 'begin'"),
    ("{{ user | uper }}", "the filter 'uper' is not known; did you mean 'upper'?"),
    ("{{ [1] | random }}", "the filter 'random' is not known"),
    ("{{ user is odd_one }}", "the test 'odd_one' is not known"),
    ("{{ user.__class__ }}", "'__class__' is not for templates"),
    ("{{ 9**9**9**9 }}", "a pow in it"),
    ("{% for x in [1] %}{{ user }}{% endfor %}", "a for in it"),
    ("{{ user }}{% include '/etc/passwd' %}", "a include in it"),
]


def mistakes(text: str) -> list[str]:
    return [str(mistake) for mistake in Templates().check(text, frozenset({"user", "id"}))]


@pytest.mark.parametrize("text", GOOD)
def test_good_templates_pass(text: str) -> None:
    assert mistakes(text) == []


@pytest.mark.parametrize(("text", "message"), BAD)
def test_bad_templates_say_why(text: str, message: str) -> None:
    assert any(message in mistake for mistake in mistakes(text)), mistakes(text)


@given(st.lists(st.sampled_from(["{{", "}}", "{%", "%}", "(", ")", "[", "'", "a", ".", "|", "1", "*", " "])))
def test_no_template_does_more_than_be_refused(parts: list[str]) -> None:
    assert all("; " in mistake for mistake in mistakes("".join(parts)))


@pytest.mark.parametrize(
    ("lines", "position"),
    [
        ('{path: "/{{ x }}"}', "3:12"),
        ('{path: /, headers: {A: "{{ x }}"}}', "3:28"),
        ('{path: /, params: {a: "{{ x }}"}}', "3:27"),
        ('{path: /, json: {a: [1, "{{ x }}"]}}', "3:29"),
        ('{path: /, json: {"{{ x }}": 1}}', "3:22"),
        ('{path: /, params: {"{{ x }}": 1}}', "3:24"),
        ('{path: /, form: {a: "{{ x }}"}}', "3:25"),
        ('{path: /, body: "{{ x }}"}', "3:21"),
    ],
)
def test_a_template_is_found_wherever_text_is_sent(complain: Any, lines: str, position: str) -> None:
    found = complain(f"target: {{image: a, port: 1}}\nendpoints:\n  - {lines}\n")
    assert [line.split(": ")[0] for line in found] == [position]
    assert "the variable 'x' is not known" in found[0]


def test_a_template_of_the_defaults_needs_its_column_in_every_endpoint(complain: Any) -> None:
    found = complain("""\
target: {image: a, port: 1}
defaults: {headers: {X: "{{ user }}"}}
endpoints:
  - {path: /a, values: [{user: x}]}
  - {path: /b, values: [{user: x}, {other: x}]}
""")
    assert len(found) == 1
    assert found[0].startswith("2:25: defaults.headers.X: the variable 'user' is not known")


def test_the_token_is_known_after_the_login_only(complain: Any) -> None:
    found = complain("""\
target: {image: a, port: 1}
login: {request: POST /, json: {t: "{{ token }}"}, token: t, headers: {A: "{{ token }} {{ x }}"}}
endpoints: ["GET /{{ token }}"]
""")
    assert [line.split(": ")[0] for line in found] == ["2:36", "2:75"]


def test_a_broken_values_file_brings_no_talk_of_unknown_columns(complain: Any) -> None:
    found = complain("""\
target: {image: a, port: 1}
endpoints: [{path: "/{{ user }}", values: gone.csv}]
""")
    assert len(found) == 1
    assert "isn't there" in found[0]
