"""The schema for editors agrees with the reader about what may be written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from harness.scenario import ScenarioError, json_schema, load_scenario

VALIDATOR = Draft202012Validator(json_schema())
HEAD = "target: {image: app, port: 80}\n"
TAIL = "endpoints: [GET /]\n"

GOOD = [
    HEAD + TAIL,
    "target: {command: php server.php}\n" + TAIL,
    "target: {command: [php, 1], cwd: ., port: 0, port_variable: P}\n" + TAIL,
    "target: {image: a, port: 1, container_command: x, ready: /h, environment: [A=1], memory: 64m, cpus: 1}\n" + TAIL,
    "target: {image: a, port: '${PORT:-1}', ready: {path: /, status: 200, timeout: 5}, environment: {A: 1}}\n" + TAIL,
    HEAD + TAIL + "load: {rate: max, users: 1, window: 1m, budget: 2h30m, workers: 1, bind: '*'}",
    HEAD + TAIL + "load: {rate: 300/s, window: 0.5, budget: 60, profile: soak}",
    HEAD + TAIL + "load: {rate: '${RATE:-max}', users: '${USERS:-3}', profile: '${P:-soak}'}",
    HEAD + "production: {rate: 120/s}\nendpoints: [GET /]",
    HEAD + "screening: {enabled: false}\nendpoints: [{path: /, screen: true, reset: POST /r}]",
    HEAD + TAIL + "sampling: {heap: true, settle_timeout: 2s}",
    HEAD + TAIL + "login: {request: POST /in, json: {a: 1}, token: a.b}",
    HEAD + TAIL + "login: {request: {method: POST, path: /in, form: {a: 1}}, token: a, headers: {A: b}}",
    HEAD + TAIL + "defaults: {headers: {A: 1}, expect: [200], params: {a: true}}",
    HEAD
    + TAIL
    + "expect: {GET /: leak}\nthreshold: 1KiB\nconfidence: 0.9\nestimator: gls\nseed: 3\nname: a.b\ndescription: x",
    HEAD + "endpoints: [{path: /, json: [1], weight: 2, expect: 201, name: x, values: [{a: 1}]}, {path: /b, body: x}]",
    HEAD + "endpoints: ['${M:-GET} /x', 'POST ${P:-/y}', 'PUT /z?a=1']",
]
BAD = [
    "target: {image: app}\n" + TAIL,
    "target: {port: 80}\n" + TAIL,
    "target: {image: a, command: b, port: 1}\n" + TAIL,
    "target: {image: a, port: 0}\n" + TAIL,
    "target: {image: a, port: 1, cwd: .}\n" + TAIL,
    "target: {image: a, port: 1, prot: 1}\n" + TAIL,
    "target: {compose: c.yaml, port: 1}\n" + TAIL,
    HEAD,
    TAIL,
    HEAD + "endpoints: []",
    HEAD + "endpoints: [/x]",
    HEAD + "endpoints: [FETCH /x]",
    HEAD + "endpoints: [GET http://h/]",
    HEAD + "endpoints: [{name: x}]",
    HEAD + "endpoints: [{path: /, json: 1, body: x}]",
    HEAD + "endpoints: [{path: /, expect: 20}]",
    HEAD + TAIL + "zzz: 1",
    HEAD + TAIL + "name: a b",
    HEAD + TAIL + "load: {users: 0}",
    HEAD + TAIL + "load: {users: '8'}",
    HEAD + TAIL + "load: {rate: 0}",
    HEAD + TAIL + "load: {rate: fast}",
    HEAD + TAIL + "load: {window: 5x}",
    HEAD + TAIL + "load: fast",
    HEAD + TAIL + "confidence: 1",
    HEAD + TAIL + "estimator: ols",
    HEAD + TAIL + "threshold: -1",
    HEAD + TAIL + "sampling: {heap: 1}",
    HEAD + TAIL + "login: {request: POST /}",
    HEAD + TAIL + "expect: {GET /: leek}",
    HEAD + TAIL + "defaults: {headers: {'a b': c}}",
]


def reads(path: Path, text: str) -> bool:
    path.write_text(text)
    try:
        load_scenario(path, {})
    except ScenarioError:
        return False
    return True


def test_it_is_a_schema_of_the_dialect_that_it_names() -> None:
    Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("text", GOOD)
def test_what_is_read_is_valid(tmp_path: Path, text: str) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))] == []
    assert reads(tmp_path / "s.yaml", text)


@pytest.mark.parametrize("text", BAD)
def test_what_is_refused_is_not_valid(tmp_path: Path, text: str) -> None:
    assert not VALIDATOR.is_valid(yaml.safe_load(text))
    assert not reads(tmp_path / "s.yaml", text)


def test_it_speaks_of_keys_and_not_of_python() -> None:
    text = str(json_schema())
    assert "Written" not in text
    assert "_bytes" not in text
    assert "'null'}" not in text


SINGLE_KEYS = [
    *("rate", "users", "window", "budget", "warmup", "heap", "ready", "port"),
    *("memory", "cpus", "seed", "threshold", "name"),
]
VALUES: Any = st.sampled_from([0, 1, 7, 3.5, 100, True, "max", "5s", "64KiB", "3/s", "text", "/x", [], {}, ["GET /q"]])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    section=st.sampled_from(["load", "sampling", "target", None]),
    key=st.sampled_from(SINGLE_KEYS),
    value=VALUES,
)
def test_the_reader_takes_nothing_that_the_schema_refuses(
    tmp_path: Path, section: str | None, key: str, value: object
) -> None:
    document: dict[str, Any] = {"target": {"image": "a", "port": 1}, "endpoints": ["GET /"]}
    (document if section is None else document.setdefault(section, {}))[key] = value
    if reads(tmp_path / "s.yaml", yaml.safe_dump(document)):
        assert VALIDATOR.is_valid(document), document
