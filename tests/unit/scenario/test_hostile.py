"""Text from anybody: one clear error, at once, and in little memory."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.scenario import ScenarioError, load_scenario

HEAD = b"target: {image: app, port: 80}\n"
TAIL = b"endpoints: [GET /]\n"


def bomb(levels: int) -> bytes:
    lines = [b"a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [b"a%d: &a%d [%s]" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, levels)]
    return b"\n".join(lines)


HOSTILE = {
    "laughs": (bomb(12), "more than 20000 values"),
    "laughs in a value": (HEAD + TAIL + b"login: {" + bomb(12).replace(b"\n", b", ") + b"}", "more than 20000 values"),
    "an alias inside of itself": (b"a: &a [*a]", "stands inside of what it names"),
    "an alias of nothing": (b"a: *b", "has no anchor"),
    "python object": (b"!!python/object/apply:os.system ['true']", "the tag '!!python/object/apply:os.system'"),
    "python object in a value": (HEAD + TAIL + b"name: !!python/name:os.system x", "the tag '!!python/name:os.system'"),
    "own tag": (HEAD + TAIL + b"name: !mine x", "the tag '!mine'"),
    "binary": (HEAD + TAIL + b"name: !!binary aGk=", "the tag '!!binary'"),
    "brackets": (b"[" * 500_000, "more than 32 levels deep"),
    "braces": (b"{a: " * 200_000, "more than 32 levels deep"),
    "dashes": (b"- " * 500_000, "more than 32 levels deep"),
    "keys of keys": (b"? " * 500_000, "more than 32 levels deep"),
    "many values": (b"a: [" + b"1," * 400_000 + b"]", "more than 20000 values"),
    "many endpoints": (HEAD + b"endpoints:\n" + b"- GET /\n" * 1001, "more than 1000 endpoints"),
    "many headers": (
        HEAD + TAIL + b"defaults: {headers: {" + b",".join(b"h%d: x" % i for i in range(101)) + b"}}",
        "more than 100 values",
    ),
    "many unknown keys": (b"".join(b"endpoint%d: 1\n" % i for i in range(9000)), "this key is not known"),
    "a long key": (HEAD + TAIL + b"? " + b"k" * 500_000 + b"\n: 1", "this key is not known"),
    "a long value": (HEAD + TAIL + b"seed: " + b"1" * 900_000, "seed: expected a whole number"),
    "a long rate": (HEAD + TAIL + b"load: {rate: " + b"1" * 900_000 + b"}", "load.rate: expected a rate"),
    "a long name": (HEAD + b"endpoints: [GET /" + b"x" * 900_000 + b"]", "expected a path"),
    "a long number": (HEAD + b"endpoints: [{path: /, json: " + b"9" * 900_000 + b"}]", "is too long"),
    "NUL": (HEAD + TAIL + b"name: a\0b", "U+0000 can't be in a scenario"),
    "escaped NUL": (HEAD + TAIL + b'name: "a\\0b"', "U+0000 can't be in a value"),
    "escaped NUL in a key": (HEAD + TAIL + b'"a\\0b": 1', "U+0000 can't be in a key"),
    "a control character": (HEAD + TAIL + b"name: a\x1bb", "U+001B can't be in a scenario"),
    "Latin-1": (HEAD + TAIL + b"name: caf\xe9", "not UTF-8"),
    "UTF-16": ("name: a".encode("utf-16"), "not UTF-8"),
    "gzip": (b"\x1f\x8b\x08" + bytes(range(256)), "not UTF-8"),
    "two documents": (HEAD + TAIL + b"---\n" + HEAD + TAIL, "a second document"),
    "nothing": (b"", "the file is empty"),
    "only a comment": (b"# nothing\n", "the file is empty"),
    "null": (b"~", "the file is empty"),
    "a list": (b"- a\n- b\n", "a scenario is a mapping"),
    "a text": (b"hello", "a scenario is a mapping"),
    "YAML 3": (b"%YAML 3.0\n---\na: b", "this is not YAML"),
    "a template tower": (HEAD + b'endpoints: ["GET /{{ ' + b"(" * 30_000 + b' }}"]', "expected a path"),
    "a deep template": (HEAD + b'endpoints: ["GET /{{ ' + b"(" * 5_000 + b' }}"]', "too deep"),
    "a wide template": (
        HEAD + b'endpoints: [{path: /, body: "' + b"{{ uuid() }}" * 50_000 + b'"}]',
        "longer than 32 KiB together",
    ),
    "a power": (HEAD + b'endpoints: ["GET /{{ 9**9**9**9 }}"]', "pow"),
    "a number in a template": (HEAD + b'endpoints: ["GET /{{ ' + b"9" * 5000 + b' }}"]', "too long"),
    "nested defaults": (HEAD + TAIL + b"name: '" + b"${A:-" * 5000 + b"}" * 5000 + b"'", "nested too deeply"),
    "a thousand templates": (
        HEAD + b"endpoints:\n" + b"".join(b"- GET /%d{{ " % i + b"a+" * 400 + b"a }}\n" for i in range(900)),
        "longer than 32 KiB together",
    ),
}


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    return tmp_path / "scenario.yaml"


@pytest.fixture
def bounded() -> Iterator[None]:
    """Fails what takes 100 MB."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6


@pytest.mark.parametrize("kind", HOSTILE)
def test_it_gets_a_clear_error_in_little_memory(scenario: Path, bounded: None, kind: str) -> None:
    raw, message = HOSTILE[kind]
    scenario.write_bytes(raw)
    with pytest.raises(ScenarioError, match=":") as caught:
        load_scenario(scenario, {})
    assert message in str(caught.value)
    assert len(str(caught.value)) < 50_000


@pytest.mark.parametrize("kind", HOSTILE)
def test_it_gets_its_error_within_a_second(scenario: Path, kind: str) -> None:
    scenario.write_bytes(HOSTILE[kind][0])
    started = time.process_time()
    with pytest.raises(ScenarioError):
        load_scenario(scenario, {})
    assert time.process_time() - started < 1


def test_a_hundred_megabytes_are_not_read(scenario: Path, bounded: None) -> None:
    with scenario.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    with pytest.raises(ScenarioError, match="larger than 1024 KiB"):
        load_scenario(scenario, {})


def test_a_pipe_is_not_waited_for(scenario: Path) -> None:
    os.mkfifo(scenario)
    with pytest.raises(ScenarioError, match="a device or a pipe"):
        load_scenario(scenario, {})


def test_an_endless_device_is_not_read() -> None:
    with pytest.raises(ScenarioError, match="a device or a pipe"):
        load_scenario(Path("/dev/zero"), {})


def test_a_file_without_permission_is_told(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    scenario.write_bytes(HEAD + TAIL)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ScenarioError, match=r":1:1: the scenario can't be read: permission denied; check"):
        load_scenario(scenario, {})


def test_variables_cannot_fill_the_memory(scenario: Path, bounded: None) -> None:
    scenario.write_bytes(HEAD + TAIL + b"description: '" + b"${BIG}" * 100_000 + b"'")
    with pytest.raises(ScenarioError, match="more than 1 MiB"):
        load_scenario(scenario, {"BIG": "x" * 100_000})


def test_bytes_that_are_no_text_do_not_come_in_through_the_environment(scenario: Path) -> None:
    scenario.write_bytes(HEAD + TAIL + b"description: ${RAW}")
    with pytest.raises(ScenarioError, match=r"U\+DCFF can't be in a value"):
        load_scenario(scenario, {"RAW": "\udcff"})


def test_many_endpoints_with_many_defaults_are_quick(scenario: Path) -> None:
    headers = ", ".join(f'h{i}: "{{{{ uuid() }}}}{i}"' for i in range(100))
    lines = [f"defaults: {{headers: {{{headers}}}}}", "target: {image: a, port: 1}", "endpoints:"]
    scenario.write_text("\n".join([*lines, *(f"- GET /{i}" for i in range(1000))]))
    started = time.process_time()
    assert len(load_scenario(scenario, {}).endpoints) == 1000
    assert time.process_time() - started < 2
