"""`hyperleak screen` before anything is asked: addresses and processes that make no sense."""

from __future__ import annotations

import os

import pytest

from tests.unit.cli.conftest import Hyperleak

URL = "http://127.0.0.1:9/orders"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["orders", "--pid", "1"], "'orders' is not the address of an endpoint"),
        (["ftp://127.0.0.1/orders", "--pid", "1"], "is not the address of an endpoint"),
        (["http://[::1/x", "--pid", "1"], "is not the address of an endpoint"),
        (["http:///x", "--pid", "1"], "is not the address of an endpoint"),
        ([URL, "http://127.0.0.1:10/x", "--pid", "1"], "the URLs name 2 servers"),
        ([URL], "which process answers?"),
        ([URL, "--pid", "1", "--container", "x"], "which process answers?"),
        ([URL, "--pid", str(2**22)], f"there is no process {2**22}"),
        ([URL, "--pid", str(os.getpid()), "--time", "soon"], "--time: 'soon' is not a duration"),
    ],
)
def test_what_cant_be_screened_is_bad_input_with_a_hint(arguments: list[str], said: str, hyperleak: Hyperleak) -> None:
    done = hyperleak("screen", *arguments, "--json")
    assert done.code == 2
    assert said in done.err
    assert "→" in done.err or "write it like" in done.err
    assert done.document["exit_code"] == 2
    assert said in done.document["error"]
