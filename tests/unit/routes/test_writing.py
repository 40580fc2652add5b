"""The scenario that is written: `hyperleak check` takes it as it is, and with every `#` taken away."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from harness.model.scenario import Scenario
from harness.routes.document import parse
from harness.routes.openapi import described_routes
from harness.routes.route import Body, Found, Route, Value, route_of, unique
from harness.routes.scalars import literal, path_with, template
from harness.routes.target import Target, target_of_folder, target_of_image, target_unknown
from harness.routes.writing import MOST_ON, Draft, scenario_name, write_scenario
from harness.scenario import load_scenario
from tests.unit.report.hostile import TEXTS
from tests.unit.routes.documents import openapi, swagger

ANY_TARGET = Target({"image": "app", "port": 9501})


def draft_of(*routes: Route, notes: tuple[str, ...] = (), login: bool = False, source: str = "a test") -> Draft:
    found = Found(unique(routes), source, notes, login=login)
    return write_scenario(found, ANY_TARGET, "shop", file="shop.yaml")


def loaded(text: str, folder: Path) -> Scenario:
    file = folder / "shop.yaml"
    file.write_text(text)
    return load_scenario(file, {"BENCH_PASSWORD": "x"})


def switched_on(text: str) -> str:
    """The file with the `#` taken away before everything that can be switched on."""
    lines = []
    for line in text.splitlines():
        found = re.fullmatch(r"  # (- .*|  .*)", line)
        lines.append(f"  {found[1]}" if found else line)
    return re.sub(r"(?m)^# (login:|  (?:request|json|token):.*)", r"\1", "\n".join(lines) + "\n")


@pytest.mark.parametrize("content", [openapi("3.0.3"), openapi("3.1.0"), swagger()], ids=["3.0", "3.1", "2.0"])
def test_what_is_written_of_a_document_is_a_scenario_also_with_everything_switched_on(
    content: object, tmp_path: Path
) -> None:
    found = described_routes(parse(json.dumps(content).encode(), "shop.json"), "shop.json")
    draft = write_scenario(found, ANY_TARGET, "shop", file="shop.yaml")
    asked = loaded(draft.text, tmp_path)
    assert {endpoint.request.method for endpoint in asked.endpoints} == {"GET"}
    assert (draft.on, draft.on + draft.off) == (len(asked.endpoints), len(found.routes))
    everything = loaded(switched_on(draft.text), tmp_path)
    assert {endpoint.name for endpoint in everything.endpoints} == {route.name for route in found.routes}
    assert (everything.login is not None) == found.login
    bodies = {e.name: e.request.json_body or e.request.form for e in everything.endpoints}
    for route in found.routes:
        assert bool(bodies[route.name]) == (route.body is not None)


def test_reading_is_asked_and_what_changes_something_waits(tmp_path: Path) -> None:
    routes = [route_of(method, "/orders") for method in ("GET", "HEAD", "POST", "DELETE")]
    draft = draft_of(*routes, route_of("HEAD", "/alone"), route_of("PURGE", "/orders"))
    assert [endpoint.name for endpoint in loaded(draft.text, tmp_path).endpoints] == ["GET /orders", "HEAD /alone"]
    assert (draft.on, draft.off) == (2, 2)
    assert "  # - name: POST /orders" in draft.text or "  # - POST /orders" in draft.text


def test_placeholders_become_templates_that_are_said_to_be_made_up(tmp_path: Path) -> None:
    draft = draft_of(route_of("GET", "/users/{id:\\d+}/{kind:new|old}/{slug}"))
    assert "{id}, {slug} made up" in draft.text
    (endpoint,) = loaded(draft.text, tmp_path).endpoints
    assert endpoint.name == "GET /users/{id}/{kind}/{slug}"
    assert endpoint.request.path == (
        "/users/{{ random_int(1, 1000) }}/{{ random_choice(['new', 'old']) }}/{{ random_string(8) }}"
    )


def test_without_a_route_that_reads_there_is_one_to_be_replaced(tmp_path: Path) -> None:
    draft = draft_of(route_of("POST", "/orders"))
    assert [endpoint.name for endpoint in loaded(draft.text, tmp_path).endpoints] == ["GET /"]
    assert "put one of yours here" in draft.text


def test_more_templates_than_a_scenario_takes_wait_too(tmp_path: Path) -> None:
    draft = draft_of(*(route_of("GET", f"/r{n}/{{a_id}}/{{b_id}}") for n in range(MOST_ON)))
    assert 0 < draft.on < MOST_ON
    assert len(loaded(draft.text, tmp_path).endpoints) == draft.on


def test_more_routes_than_a_scenario_takes_wait_too(tmp_path: Path) -> None:
    draft = draft_of(*(route_of("GET", f"/r{n}") for n in range(MOST_ON + 5)))
    assert (draft.on, draft.off) == (MOST_ON, 5)
    assert len(loaded(draft.text, tmp_path).endpoints) == MOST_ON


@pytest.mark.parametrize(
    ("paths", "ready"), [(["/a", "/health"], "/health"), (["/ping", "/"], "/ping"), (["/a"], "/"), (["/up/{id}"], "/")]
)
def test_it_is_ready_when_its_likeliest_path_answers(paths: list[str], ready: str, tmp_path: Path) -> None:
    text = draft_of(*(route_of("GET", path) for path in paths)).text
    assert loaded(text, tmp_path).target.ready.path == ready


def test_an_editor_is_told_where_the_schema_is() -> None:
    found = Found((route_of("GET", "/"),), "a test")
    with_schema = write_scenario(found, ANY_TARGET, "a", file="a.yaml", schema="../scenario.schema.json").text
    assert with_schema.startswith("# yaml-language-server: $schema=../scenario.schema.json\n")
    assert "yaml-language-server" not in write_scenario(found, ANY_TARGET, "a", file="a.yaml").text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(TEXTS, TEXTS, TEXTS)
def test_texts_of_others_neither_break_the_file_nor_mean_anything(
    tmp_path: Path, path: str, value: str, said: str
) -> None:
    sample = Value(example=value)
    body = Body("json", {value: [value, {said: 1}]})
    routes = [
        Route("GET", f"/{path}", {"id": sample}, query={"q": sample, said or "x": sample}, where=said, remark=said),
        Route("GET", f"/{path}/{{id}}", {"id": sample}, remark=said),
        Route("POST", f"/{path}", body=body, remark=said),
    ]
    draft = draft_of(*routes, notes=(said,), source=said)
    assert len(loaded(draft.text, tmp_path).endpoints) == 2
    yaml.safe_load(switched_on(draft.text))


@pytest.mark.parametrize("text", ["$HOME", "${HOME}", "{{ 7*7 }}", "{% raw %}", "a {# b", "plain", "{", "}}", "$$"])
def test_an_example_that_looks_like_a_variable_or_a_template_stays_text(text: str, tmp_path: Path) -> None:
    from jinja2 import Environment

    draft = draft_of(Route("GET", "/a", query={"q": Value(example=text)}))
    (endpoint,) = loaded(draft.text, tmp_path).endpoints
    sent = str(endpoint.request.params["q"])
    assert (Environment().from_string(sent).render() if "{{" in sent else sent) == text


def test_examples_in_a_path_are_encoded() -> None:
    assert path_with("/a b/{x}/é", {"x": Value(example="1/2 #?")}) == "/a%20b/1%2F2%20%23%3F/%C3%A9"
    assert template(Value(choices=("it's", "b"))) == "{{ random_choice(['its', 'b']) }}"
    assert literal("100 $") == "100 $$"


@pytest.mark.parametrize(
    ("title", "name"),
    [("Small shop", "small-shop"), ("", "app"), ("…", "app"), ("../etc", "etc"), ("A" * 99, "a" * 64)],
)
def test_a_scenario_gets_a_name_that_a_folder_can_have(title: str, name: str) -> None:
    assert scenario_name(title) == name


COMPOSE = """\
services:
  db: {image: mysql, ports: ["3306:3306"]}
  shop:
    build: .
    ports: ["127.0.0.1:${PORT:-80}:9601/tcp"]
"""


@pytest.mark.parametrize(
    ("files", "section"),
    [
        ({"compose.yaml": COMPOSE}, {"compose": {"file": "app/compose.yaml", "service": "shop"}, "port": 9601}),
        (
            {"docker-compose.yml": "services: {web: {image: x, expose: [8080]}}"},
            {"compose": {"file": "app/docker-compose.yml", "service": "web"}, "port": 8080},
        ),
        (
            {"compose.yaml": "services: {a: {image: x, ports: [{target: 81, published: 1}]}}"},
            {"compose": {"file": "app/compose.yaml", "service": "a"}, "port": 81},
        ),
        (
            {"compose.yaml": "[broken", "Dockerfile": "FROM x\nEXPOSE 8000\n"},
            {"build": {"context": "app"}, "port": 8000},
        ),
        ({"Dockerfile": "FROM x\n"}, {"build": {"context": "app"}, "port": 9501}),
        (
            {"config/routes.php": "<?php"},
            {"command": ["php", "bin/hyperf.php", "start"], "cwd": "app", "port": 9501},
        ),
        ({}, {"image": "your-app:latest", "port": 9501}),
    ],
)
def test_what_starts_the_app_is_guessed_from_its_folder(
    files: dict[str, str], section: dict[str, object], tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / "app" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "app" / name).write_text(text)
    (tmp_path / "app").mkdir(exist_ok=True)
    target = target_of_folder(tmp_path / "app", tmp_path)
    assert dict(target.section) == section
    text = write_scenario(Found((route_of("GET", "/"),), "x"), target, "a", file="a.yaml").text
    assert loaded(text, tmp_path).target.port == section["port"]


@pytest.mark.parametrize("target", [target_of_image("registry:5000/shop:1", 80), target_unknown(None)])
def test_a_target_that_is_only_guessed_says_so(target: Target, tmp_path: Path) -> None:
    text = write_scenario(Found((route_of("GET", "/"),), "x"), target, "a", file="a.yaml").text
    assert f"  # {target.remark[:1].upper()}" in text
    assert loaded(text, tmp_path).target.port == target.section["port"]
