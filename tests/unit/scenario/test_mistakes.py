"""Every mistake has its line, its column and a way out, and one never hides another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.scenario import Problem, ScenarioError
from harness.scenario.problems import MAX_PROBLEMS

HEAD = "target: {image: app, port: 80}\n"
TAIL = "endpoints: [GET /]\n"

MISTAKES = [
    # keys
    ("{}", "1:1", "target is missing", "add it, like"),
    ("nmae: x\n" + HEAD + TAIL, "1:1", "nmae: this key is not known", "did you mean 'name'?"),
    (HEAD + TAIL + "zzz: 1", "3:1", "zzz: this key is not known", "the keys here are name, description"),
    (HEAD + "load: {usres: 3}\n" + TAIL, "2:8", "load.usres: this key is not known", "did you mean 'users'?"),
    ("target: {image: a, port: 1, ready: {patth: /}}\n" + TAIL, "1:37", "target.ready.patth", "'path'"),
    (HEAD + TAIL + "seed: 1\nseed: 2", "4:1", "the key 'seed' is here twice, first in line 3", "keep one"),
    (HEAD + TAIL + "load: {<<: {users: 1}}", "3:8", "merge keys", "write the keys out"),
    (HEAD + TAIL + "load: {'[key]': 1}", "3:8", "load.'[key]': this key is not known", ""),
    (HEAD + TAIL + "defaults: {params: {'[key]': [1]}}", "3:30", "params.'[key]': expected text, found a list", ""),
    # types
    (HEAD + TAIL + "load: fast", "3:7", "load: expected a mapping, found 'fast'", "`key: value`"),
    (HEAD + TAIL + "load:", "3:6", "load: expected a mapping, found nothing", ""),
    (HEAD + TAIL + "load: {users: many}", "3:15", "load.users: expected a whole number from 1 to 10000", ""),
    (HEAD + TAIL + 'load: {users: "8"}', "3:15", "load.users: '8' is in quotes", "remove the quotes"),
    (HEAD + TAIL + "load: {users: 08}", "3:15", "load.users: expected a whole number", ""),
    (HEAD + TAIL + "load: {users: 0}", "3:15", "load.users: expected a whole number from 1", ""),
    (HEAD + TAIL + f"seed: {'9' * 5000}", "3:7", "seed: expected a whole number", ""),
    (HEAD + TAIL + "load: {rate: fast}", "3:14", "load.rate: expected a rate", "300/s"),
    (HEAD + TAIL + "load: {rate: 0}", "3:14", "load.rate: expected a rate", "or max"),
    (HEAD + TAIL + "load: {window: 5x}", "3:16", "load.window: expected a duration", "500ms"),
    (HEAD + TAIL + "load: {window: 2m, budget: 60s}", "3:16", "longer than the whole budget", ""),
    (HEAD + TAIL + "threshold: 0", "3:12", "threshold: '0' is out of range for a size", "64B"),
    (HEAD + TAIL + "confidence: .nan", "3:13", "confidence: expected a number above 0.5", ""),
    (HEAD + TAIL + "confidence: 1", "3:13", "confidence: expected a number above 0.5 and below 1", ""),
    (HEAD + TAIL + "sampling: {heap: yes}", "3:18", "sampling.heap: expected true or false", "YAML 1.2"),
    (HEAD + TAIL + "name: a/b", "3:7", "name: expected a name, found 'a/b'", "folder"),
    (HEAD + TAIL + "name: ..", "3:7", "name: expected a name", "folder"),
    # target
    ("target: {port: 80}\n" + TAIL, "1:1", "target: nothing says what to start", "exactly one of"),
    ("target: {image: a, command: b, port: 1}\n" + TAIL, "1:1", "target: image and command are both here", ""),
    ("target: {image: a}\n" + TAIL, "1:1", "target: port is missing", "port: 9501"),
    ("target: {image: a, port: 0}\n" + TAIL, "1:26", "target.port: port 0 stands for a free one", ""),
    ("target: {image: a, port: 65536}\n" + TAIL, "1:26", "target.port", "from 0 to 65535"),
    ("target: {image: --privileged, port: 1}\n" + TAIL, "1:17", "target.image", "as the engine knows it"),
    ("target: {image: a, port: 1, cwd: .}\n" + TAIL, "1:1", "target: cwd can't go with image", "remove"),
    ("target: {build: nowhere, port: 1}\n" + TAIL, "1:17", "the folder 'nowhere' isn't there", "scenario's folder"),
    ("target: {build: ., port: 1}\n" + TAIL, "1:17", "the Dockerfile 'Dockerfile' isn't there", "the build context"),
    ("target: {compose: {file: [c.yaml], service: a}, port: 1}\n" + TAIL, "1:27", "file[0]: the compose file", ""),
    ("target: {compose: c.yaml, port: 1}\n" + TAIL, "1:10", "target.compose: service is missing", "service: app"),
    ("target: {command: php, cwd: gone}\n" + TAIL, "1:29", "target.cwd: the folder 'gone' isn't there", ""),
    ('target: {command: "php \'x"}\n' + TAIL, "1:19", "can't be split into words", "close the quotes"),
    ("target: {command: []}\n" + TAIL, "1:19", "target.command: expected a command", "[php, server.php]"),
    ("target: {image: a, port: 1, environment: {A: [1]}}\n" + TAIL, "1:42", "expected a value for 'A'", ""),
    ("target: {image: a, port: 1, environment: [=x]}\n" + TAIL, "1:43", "'' is not a name of a variable", ""),
    ("target: {image: a, port: 1, memory: 1MB}\n" + TAIL, "1:37", "target.memory: '1MB' is out of range", ""),
    ("target: {image: a, port: 1, ready: health}\n" + TAIL, "1:36", "ready.path: the path 'health'", "'/health'"),
    # endpoints
    (HEAD + "endpoints: []", "2:12", "endpoints: there is no endpoint", "- GET /health"),
    (HEAD + "endpoints:", "2:11", "endpoints: expected a list, found nothing", ""),
    (HEAD + "endpoints: [/static]", "2:13", "endpoints[0]: expected a method and a path", "GET /path"),
    (HEAD + "endpoints: [FETCH /]", "2:13", "endpoints[0].method: expected one of GET, HEAD", ""),
    (HEAD + "endpoints: [GET http://h/x]", "2:13", "endpoints[0].path: 'http://h/x' has a host", "after the host"),
    (HEAD + "endpoints: [GET //h/x]", "2:13", "endpoints[0].path: '//h/x' has a host", ""),
    (HEAD + "endpoints: [GET static]", "2:13", "the path 'static' doesn't begin with /", "write '/static'"),
    (HEAD + "endpoints: [GET /a b]", "2:13", "the character ' ' can't be in a path", "%20"),
    (HEAD + "endpoints: [GET /, GET /]", "2:20", "'GET /' is that of endpoints[0] already", "`name:`"),
    (HEAD + "endpoints: [{path: /, name: a}, {path: /x, name: a}]", "2:50", "endpoints[1].name: the name 'a'", ""),
    (HEAD + "endpoints: [{name: x}]", "2:13", "endpoints[0]: path is missing", "path: /orders"),
    (HEAD + "endpoints: [{path: /, json: 1, body: x}]", "2:13", "json and body are both here", "at most one"),
    (HEAD + "endpoints: [{path: /, json: {a: [.inf]}}]", "2:34", "'.inf' is not a finite number", "quotes"),
    (HEAD + "endpoints: [{path: /, json: 1e999}]", "2:29", "'1e999' is too large", "quotes"),
    (HEAD + "endpoints: [{path: /, json: }]", "2:29", "the JSON body is empty", ""),
    (HEAD + "endpoints: [{path: /, weight: 0}]", "2:31", "endpoints[0].weight: expected a number above 0", ""),
    (HEAD + "endpoints: [{path: /, expect: 99}]", "2:31", "endpoints[0].expect[0]: expected a whole number", ""),
    (HEAD + "endpoints: [{path: /, expect: []}]", "2:31", "endpoints[0].expect: the list is empty", ""),
    (HEAD + 'endpoints: [{path: /, headers: {A: "b\\r\\nC: d"}}]', "2:36", "headers.A: expected a header's value", ""),
    (HEAD + 'endpoints: [{path: /, headers: {"A\\nB": c}}]', "2:33", "expected the name of a header", "X-Request-Id"),
    (HEAD + "endpoints: [{path: /, headers: {A: 日本}}]", "2:36", "Latin-1", ""),
    (HEAD + "endpoints: [{path: /, params: {a: [1]}}]", "2:35", "params.a: expected text, found a list", ""),
    (HEAD + "endpoints: [{path: /, headers: {A: {{ token }}}}]", "2:37", "a key has to be text", "in quotes"),
    (
        HEAD + "endpoints: [{path: /, reset: {path: /r, json: 1, body: x}}]",
        "2:23",
        "endpoints[0].reset: json and body",
        "",
    ),
    (HEAD + "endpoints: [{path: /, reset: GET x}]", "2:30", "endpoints[0].reset.path: the path 'x'", ""),
    (HEAD + TAIL + "production: {}", "3:1", "production: rate is missing", "rate: 120/s"),
    (HEAD + TAIL + "production: {rate: max}", "3:20", "production.rate: expected a rate", "120/s"),
    (HEAD + TAIL + "production: {rate: 0/s}", "3:20", "production.rate: '0/s' is out of range for a rate", ""),
    (HEAD + TAIL + "production: {rates: 1/s, rate: 1}", "3:14", "production.rates: this key is not known", "'rate'"),
    (HEAD + TAIL + "screening: {requests: 19}", "3:23", "screening.requests: expected a whole number from 20", ""),
    # login
    (HEAD + "login: {token: a}\n" + TAIL, "2:1", "login: request is missing", "POST /login"),
    (HEAD + "login: {request: POST /, token: a..b}\n" + TAIL, "2:33", "login.token", "data.token"),
    (HEAD + "login: {request: {path: /, json: 1}, body: x, token: t}\n" + TAIL, "2:1", "body is here and json in", ""),
    # expectations
    (HEAD + TAIL + "expect: {GET /x: leak}", "3:10", "there is no endpoint of that name", "did you mean 'GET /'?"),
    (HEAD + TAIL + "expect: {GET /: leek}", "3:17", "expected one of leak, clean", "did you mean 'leak'?"),
    # variables
    (HEAD + "endpoints: ['GET /${NO}']", "2:13", "the environment variable NO is not set", "${NO:-default}"),
    (HEAD + "endpoints: ['GET /${NO:?is needed}']", "2:13", "NO is not set: is needed", ""),
    (HEAD + "endpoints: ['GET /${']", "2:13", "a ${ is not closed", "$$"),
    (HEAD + "endpoints: ['GET /${1}']", "2:13", "'${1}' is not a variable", "${NAME}"),
    (HEAD + "endpoints: ['GET /$HOME']", "2:13", "'$HOME' is neither", "${HOME} for the variable or $$HOME"),
    (HEAD + TAIL + "load: {users: ${N:-x}}", "3:16", "this is not YAML", "put ${…} and {{ … }} in quotes"),
    # YAML
    (HEAD + "endpoints:\n\t- GET /", "3:1", "this is not YAML", "spaces, not with tabs"),
    ("a: b: c", "1:5", "mapping values are not allowed", "check the indentation"),
    ("a: [1, 2", "2:1", "that begins in line 1", "brackets"),
]


@pytest.mark.parametrize(("text", "position", "what", "to_do"), MISTAKES, ids=[row[2][:50] for row in MISTAKES])
def test_a_mistake_is_told_with_its_place(complain: Any, text: str, position: str, what: str, to_do: str) -> None:
    found = [line for line in complain(text) if what in line]
    assert len(found) == 1, complain(text)
    assert found[0].startswith(f"{position}: ")
    assert to_do in found[0].partition("; ")[2]


@pytest.mark.parametrize("row", [row for row in MISTAKES if row[0] != "{}"], ids=lambda row: row[2][:50])
def test_one_mistake_is_told_once(complain: Any, row: tuple[str, str, str, str]) -> None:
    assert len(complain(row[0])) == 1


def test_all_mistakes_are_told_at_once_by_position(complain: Any) -> None:
    found = complain("""\
nmae: x
target: {build: gone, prot: 80}
load: {users: 0, rate: fast}
endpoints:
  - GET http://h/
  - {path: "/{{ nope }}", weight: 0, values: gone.csv}
  - {method: FETCH, path: x}
seed: -1
""")
    assert [line.partition(": ")[0] for line in found] == [
        "1:1", "2:1", "2:17", "2:23", "3:15", "3:24", "5:5", "6:35", "6:46", "7:14", "7:27", "8:7",
    ]  # fmt: skip


def test_a_problem_reads_like_a_compilers() -> None:
    assert str(Problem("a.yaml", 3, 7, "what", "do this")) == "a.yaml:3:7: what; do this"


def test_a_file_made_of_mistakes_ends_after_some(complain: Any) -> None:
    assert len(complain("".join(f"k{i}: 1\n" for i in range(5000)))) == MAX_PROBLEMS


def test_columns_count_characters_and_not_bytes(complain: Any) -> None:
    assert complain(HEAD + TAIL + "load: {é😀: 1, users: 0}")[1].startswith("3:22: ")


@pytest.mark.parametrize("kind", ["missing", "directory", "loop", "not a folder"])
def test_a_scenario_that_cannot_be_opened_is_an_error_of_its_own(tmp_path: Path, kind: str) -> None:
    from harness.scenario import load_scenario

    path = tmp_path / "s.yaml"
    if kind == "directory":
        path.mkdir()
    if kind == "loop":
        path.symlink_to(path)
    if kind == "not a folder":
        path.touch()
        path = path / "s.yaml"
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, {})
    assert [(p.file, p.line, p.column) for p in caught.value.problems] == [(str(path), 1, 1)]
    assert "directory" in str(caught.value) or "can't be read" in str(caught.value)
