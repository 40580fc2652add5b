"""What people write, and the scenario that it stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.model.load import Endpoint, Login, Request
from harness.model.scenario import LoadPlan, Production, Sampling
from harness.model.target import BuildSpec, CommandSpec, ComposeSpec, ImageSpec, ReadyCheck
from harness.scenario import load_scenario

HEAD = "target: {image: app, port: 80}\n"
TAIL = "endpoints: [GET /]\n"


def test_the_smallest_scenario_gets_every_default(load: Any, tmp_path: Path) -> None:
    scenario = load(HEAD + TAIL, name="first look.yaml")
    assert scenario.name == "first-look"
    assert scenario.source == tmp_path / "first look.yaml"
    assert scenario.target == ImageSpec(image="app", port=80)
    assert scenario.load == LoadPlan()
    assert scenario.sampling == Sampling()
    assert scenario.endpoints == (Endpoint(name="GET /", request=Request(path="/")),)
    assert (scenario.threshold_bytes, scenario.confidence, scenario.seed) == (64, 0.99, 0)


def test_everything_that_can_be_written_arrives(load: Any, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user,zip\nada,01234\nbob,9\n")
    scenario = load("""\
name: quickstart
description: finds the leak of the quick start
target:
  image: hyperleak/resident:latest
  container_command: php server.php --port 8080
  port: 8080
  environment: {WORKERS: 2, VERSION: 1.10, OCTAL: 08, SWITCH: yes, EMPTY: "", FROM_HOST: }
  memory: 256MiB
  cpus: 1.5
  ready: {path: /health, status: 204, timeout: 30s}
load:
  {profile: soak, rate: 1200/min, users: 4, window: 250ms, budget: 1m30s, warmup: 5, request_timeout: 10s,
   workers: 2, remote_workers: 1, bind: 0.0.0.0, bind_port: 6000}
sampling: {heap: false, settle_timeout: 2s}
defaults: {headers: {Accept: text/html, X-Trace: 1}, expect: [200, 404], params: {v: 1.10}}
login:
  request: POST /login
  json: {user: a, password: "${PASSWORD:-secret}"}
  token: data.token
  headers: {Authorization: "Token {{ token }}"}
endpoints:
  - GET /static
  - name: create order
    method: POST
    path: /orders/{{ random_int(1, 1000) }}
    params: {dry: true}
    headers: {accept: "*/*"}
    json: {user: "{{ user }}", n: [1, 1.5, true, null, no, 012, 2024-01-01]}
    weight: 2
    expect: 201
    values: users.csv
threshold: 1KiB
confidence: 0.95
estimator: gls
seed: 7
expect: {GET /static: leak}
""")
    assert scenario.description == "finds the leak of the quick start"
    assert scenario.target == ImageSpec(
        image="hyperleak/resident:latest",
        command=("php", "server.php", "--port", "8080"),
        port=8080,
        environment={"WORKERS": "2", "VERSION": "1.10", "OCTAL": "08", "SWITCH": "yes", "EMPTY": ""},
        memory_limit_bytes=256 * 1024**2,
        cpus=1.5,
        ready=ReadyCheck(path="/health", status=204, timeout_s=30),
    )
    assert scenario.load == LoadPlan(
        profile="soak",
        rate=20,
        users=4,
        window_s=0.25,
        budget_s=90,
        warmup_requests=5,
        request_timeout_s=10,
        workers=2,
        remote_workers=1,
        bind="0.0.0.0",
        bind_port=6000,
    )
    assert scenario.sampling == Sampling(heap=False, settle_timeout_s=2)
    assert scenario.login == Login(
        request=Request(method="POST", path="/login", json_body={"user": "a", "password": "secret"}),
        token="data.token",
        headers={"Authorization": "Token {{ token }}"},
    )
    static, order = scenario.endpoints
    assert static == Endpoint(
        name="GET /static",
        request=Request(path="/static", params={"v": "1.10"}, headers={"Accept": "text/html", "X-Trace": "1"}),
        expect=(200, 404),
    )
    assert order == Endpoint(
        name="create order",
        request=Request(
            method="POST",
            path="/orders/{{ random_int(1, 1000) }}",
            params={"v": "1.10", "dry": "true"},
            headers={"X-Trace": "1", "accept": "*/*"},
            json_body={"user": "{{ user }}", "n": [1, 1.5, True, None, "no", "012", "2024-01-01"]},
        ),
        weight=2,
        expect=(201,),
        values=({"user": "ada", "zip": "01234"}, {"user": "bob", "zip": "9"}),
    )
    assert (scenario.threshold_bytes, scenario.confidence, scenario.seed) == (1024, 0.95, 7)
    assert scenario.estimator == "gls"
    assert scenario.expect == {"GET /static": "leak"}


def test_a_build_finds_its_context_beside_the_scenario(load: Any, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "Dockerfile").touch()
    (tmp_path / "app" / "dev.Dockerfile").touch()
    short = load("target: {build: app, port: 80}\n" + TAIL)
    assert short.target == BuildSpec(context=tmp_path / "app", port=80)
    long = load(
        "target: {build: {context: app, dockerfile: dev.Dockerfile, args: [A=b=c, HOME, NOT_SET]}, port: 80}\n" + TAIL,
        {"HOME": "/root"},
    )
    assert long.target == BuildSpec(
        context=tmp_path / "app", dockerfile="dev.Dockerfile", args={"A": "b=c", "HOME": "/root"}, port=80
    )


@pytest.mark.parametrize("files", ["one.yaml", "[one.yaml, two.yaml]"])
def test_a_compose_target_takes_one_file_or_several(load: Any, tmp_path: Path, files: str) -> None:
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).touch()
    scenario = load(f"target: {{compose: {{file: {files}, service: app}}, port: 80}}\n{TAIL}")
    assert isinstance(scenario.target, ComposeSpec)
    assert [file.name for file in scenario.target.files] == ["one.yaml", "two.yaml"][: files.count(".yaml")]
    assert all(file.is_absolute() for file in scenario.target.files)


@pytest.mark.parametrize("command", ["php 'my server.php'", "[php, my server.php]"])
def test_a_command_runs_in_the_scenarios_folder_on_a_free_port(load: Any, tmp_path: Path, command: str) -> None:
    scenario = load(f"target:\n  command: {command}\n{TAIL}")
    assert scenario.target == CommandSpec(command=("php", "my server.php"), cwd=tmp_path, port=0)


def test_relative_paths_start_from_the_scenario_and_not_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "app").mkdir()
    (tmp_path / "deep" / "s.yaml").write_text("target: {command: [php], cwd: ../app}\n" + TAIL)
    monkeypatch.chdir(tmp_path)
    scenario = load_scenario(Path("deep/s.yaml"), {})
    assert scenario.source == tmp_path / "deep" / "s.yaml"
    assert isinstance(scenario.target, CommandSpec)
    assert scenario.target.cwd == tmp_path / "app"


@pytest.mark.parametrize(
    ("written", "rate"), [("300/s", 300), ("300", 300), ("1200/min", 20), ("max", 0), ('"${RATE:-7}"', 7)]
)
def test_a_rate_is_a_number_a_second_or_as_fast_as_can_be(load: Any, written: str, rate: float) -> None:
    assert load(f"{HEAD}load: {{rate: {written}}}\n{TAIL}").load.rate == rate


def test_a_login_may_be_one_whole_request(load: Any) -> None:
    scenario = load(
        HEAD + "login: {request: {method: POST, path: /in, form: {a: 1}, headers: {X: y}}, token: t}\n" + TAIL
    )
    assert scenario.login == Login(
        request=Request(method="POST", path="/in", form={"a": "1"}, headers={"X": "y"}),
        token="t",
        headers={"Authorization": "Bearer {{ token }}"},
    )


def test_the_screening_may_be_bounded_left_out_and_undone(load: Any) -> None:
    scenario = load(
        HEAD + "screening: {requests: 40, budget: 5s}\nendpoints: [{path: /, screen: false, reset: DELETE /cart}]\n"
    )
    assert (scenario.screening.enabled, scenario.screening.requests, scenario.screening.budget_s) == (True, 40, 5)
    assert scenario.endpoints[0].screen is False
    assert scenario.endpoints[0].reset == Request(method="DELETE", path="/cart")


@pytest.mark.parametrize(("written", "rate"), [("120/s", 120.0), ("6/min", 0.1), ("'${RATE:-7}'", 7.0)])
def test_the_traffic_of_production_may_be_stated(load: Any, written: str, rate: float) -> None:
    assert load(HEAD + f"production: {{rate: {written}}}\n" + TAIL).production == Production(rate=rate)
    assert load(HEAD + TAIL).production is None


def test_rows_may_be_written_inline(endpoint: Any) -> None:
    scenario = endpoint('{path: "/{{ id }}", values: [{id: 1, zip: 012}, {id: x, zip: null}]}')
    assert scenario.endpoints[0].values == ({"id": 1, "zip": "012"}, {"id": "x", "zip": None})


def test_aliases_stand_for_what_they_name(load: Any) -> None:
    scenario = load(HEAD + "endpoints:\n  - {path: /a, headers: &h {X: y}}\n  - {path: /b, headers: *h}\n")
    assert [one.request.headers for one in scenario.endpoints] == [{"X": "y"}, {"X": "y"}]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(load: Any) -> None:
    assert load("\ufeff" + (HEAD + TAIL).replace("\n", "\r\n")).target.port == 80
