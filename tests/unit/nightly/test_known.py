"""The file of known leaks: what it may say, what it suppresses, and that it expires."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from harness import exit_codes
from harness.errors import InputError
from harness.model.verdict import Holder
from harness.nightly.known import KnownLeaks, load_known, without_known
from tests.unit.nightly.kept import measured
from tests.unit.verdicts import verdict_of

TODAY = date(2026, 6, 1)
HOLDER = Holder(path="App\\Cart::$items", bytes_per_request=640.0, elements_per_request=1.0)


def known(tmp_path: Path, text: str) -> KnownLeaks:
    file = tmp_path / "known.yaml"
    file.write_text(text)
    return load_known(file, TODAY)


def entry(**values: str) -> str:
    lines = [f"{key}: '{value}'" for key, value in {"reason": "vendor", "expires": "2026-06-01", **values}.items()]
    return "known:\n  - " + "\n    ".join(lines) + "\n"


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ({"endpoint": "GET /cart?id=[1]"}, True),
        ({"endpoint": "GET /cart*"}, True),
        ({"endpoint": "GET /car?*"}, False),
        ({"endpoint": "*"}, True),
        ({"endpoint": "GET /other"}, False),
        ({"holder": "App\\Cart::$items"}, True),
        ({"holder": "*::$items"}, True),
        ({"holder": "*::$others"}, False),
        ({"endpoint": "GET /cart*", "holder": "*::$others"}, False),
    ],
)
def test_a_pattern_has_stars_and_nothing_else(pattern: dict[str, str], fits: bool, tmp_path: Path) -> None:
    leaks = known(tmp_path, entry(**pattern))
    assert (leaks.reason("GET /cart?id=[1]", ["App\\Cart::$items"]) == "vendor") == fits


def test_a_known_leak_doesnt_fail_and_a_new_one_does(tmp_path: Path) -> None:
    leaks = known(tmp_path, entry(holder="*Cart::$items"))
    old, new = measured("GET /cart", 640.0, holders=(HOLDER,)), measured("GET /new", 640.0)
    marked = leaks.mark_verdict(verdict_of(old, measured("GET /clean", 0.0)), {})
    assert marked.outcome == "leak"
    assert marked.endpoints[0].known == "vendor"
    assert exit_codes.of_verdict(without_known(marked), {}) == exit_codes.CLEAN
    both = leaks.mark_verdict(verdict_of(old, new), {})
    assert [e.known for e in both.endpoints] == ["vendor", None]
    assert exit_codes.of_verdict(without_known(both), {}) == exit_codes.LEAK


def test_a_leak_that_is_expected_needs_no_excuse(tmp_path: Path) -> None:
    marked = known(tmp_path, entry(endpoint="*")).mark_verdict(
        verdict_of(measured("GET /cart", 640.0)), {"GET /cart": "leak"}
    )
    assert marked.endpoints[0].known is None
    assert any("known leaks" in note for note in marked.notes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: the file is empty"),
        ("- a", "1:1: a file of known leaks is a mapping"),
        ("leaks: []", "1:1: leaks: this key is not known"),
        ("known: 3", "1:8: known: expected a list"),
        ("known:\n  - 3", "2:5: known[0]: expected a mapping"),
        (entry(), "2:5: known[0]: neither endpoint nor holder is here"),
        (entry(endpoint=""), "endpoint: expected text, found an empty text"),
        (entry(endpoint="*", expires="soon"), "known[0].expires: 'soon' is not a day"),
        (entry(endpoint="*", expires="2026-05-31"), "3:14: known[0].expires: expired on 2026-05-31"),
        (entry(endpoint="*", until="2026-05-31"), "known[0].until: this key is not known"),
        ("known:\n  - endpoint: '*'\n", "2:5: known[0]: reason is missing"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        known(tmp_path, text)
    assert caught.value.exit_code == 2
    assert f"known.yaml:{said}" in caught.value.message or said in caught.value.message


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        known(tmp_path, entry(endpoint="*", expires="2020-01-01") + "  - reason: x\n  - 3\n")
    assert len(caught.value.message.splitlines()) == 4
