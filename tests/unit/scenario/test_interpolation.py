"""Environment variables, as people know them from Compose."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario.interpolate import interpolate
from harness.scenario.problems import Mistake

ENVIRONMENT = {"NAME": "value", "EMPTY": "", "NESTED": "${NAME}"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("${NAME}", "value"),
        ("a${NAME}b${NAME}", "avaluebvalue"),
        ("${EMPTY}", ""),
        ("${EMPTY-default}", ""),
        ("${EMPTY:-default}", "default"),
        ("${UNSET-default}", "default"),
        ("${UNSET:-}", ""),
        ("${UNSET:-${NAME}}", "value"),
        ("${UNSET:-a${ALSO:-${NAME}}b}", "avalueb"),
        ("${NAME:-${UNSET}}", "value"),
        ("${NAME:?needed}", "value"),
        ("${EMPTY?needed}", ""),
        ("${NAME:+set}", "set"),
        ("${EMPTY:+set}", ""),
        ("${EMPTY+set}", "set"),
        ("${UNSET+set}", ""),
        ("${UNSET:-a b: c}", "a b: c"),
        ("$$", "$"),
        ("$${NAME}", "${NAME}"),
        ("$$NAME", "$NAME"),
        ("$5.00 and $", "$5.00 and $"),
        ("${NESTED}", "${NAME}"),
    ],
)
def test_variables_are_filled_in(text: str, result: str) -> None:
    assert interpolate(text, ENVIRONMENT) == result


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${UNSET}", "UNSET is not set"),
        ("${EMPTY:?tell me}", "EMPTY is empty: tell me"),
        ("${UNSET?tell\nme}", "UNSET is not set: tell me"),
        ("${UNSET:-${ALSO}}", "ALSO is not set"),
        ("$NAME", r"write \$\{NAME\} for the variable or \$\$NAME"),
        ("${", "not closed"),
        ("${NAME", "not closed"),
        ("${}", "not a variable"),
        ("${A B}", "not a variable"),
        ("${A!}", "not a variable"),
    ],
)
def test_what_cannot_be_filled_in_says_what_to_do(text: str, message: str) -> None:
    with pytest.raises(Mistake, match=message):
        interpolate(text, ENVIRONMENT)


@given(st.text())
def test_doubled_dollars_bring_any_text_through(text: str) -> None:
    assert interpolate(text.replace("$", "$$"), {}) == text


@given(st.text(alphabet="$${}:-?+AB "))
def test_nothing_else_than_a_mistake_comes_out(text: str) -> None:
    with contextlib.suppress(Mistake):
        interpolate(text, {"A": "1"})


def test_a_variable_without_quotes_is_typed_after_filling_in(endpoint: Any) -> None:
    one = endpoint("{path: /, json: {n: '${N}', s: '${S:-text}'}}", {"N": "5"})
    assert one.endpoints[0].request.json_body == {"n": "5", "s": "text"}
    two = endpoint("path: /\n    json:\n      n: ${N}\n      b: ${B:-true}\n      e: ${E:-}", {"N": "5"})
    assert two.endpoints[0].request.json_body == {"n": 5, "b": True, "e": ""}


def test_keys_are_left_alone(endpoint: Any) -> None:
    assert endpoint("{path: /, json: {'${N}': 1}}").endpoints[0].request.json_body == {"${N}": 1}
