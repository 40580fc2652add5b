"""Requests that an OpenAPI document describes, of each version; documents that are none, are broken, or mean harm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import InputError
from harness.routes.document import parse, read_file
from harness.routes.openapi import described_routes
from harness.routes.route import Body, Found, Route, Value
from tests.unit.routes.documents import ANSWERS, openapi, swagger


def described(content: dict[str, Any]) -> Found:
    return described_routes(parse(json.dumps(content).encode(), "shop.json"), "shop.json")


def by_name(found: Found) -> dict[str, Route]:
    return {route.name: route for route in found.routes}


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_paths_parameters_and_bodies_of_openapi_3(version: str) -> None:
    found = described(openapi(version))
    routes = by_name(found)
    assert (found.title, found.port, found.login) == ("Small shop", 9501, True)
    assert list(routes) == [
        "GET /api/v1/orders",
        "POST /api/v1/orders",
        "GET /api/v1/orders/{id}",
        "DELETE /api/v1/orders/{id}",
        "POST /api/v1/login",
    ]
    every = routes["GET /api/v1/orders"]
    assert (dict(every.query), dict(every.headers)) == ({"page": Value("integer")}, {"X-Shop": Value(example="main")})
    assert routes["GET /api/v1/orders/{id}"].placeholders == {"id": Value("integer", least=5, most=9)}
    assert routes["GET /api/v1/orders/{id}"].remark == " (deprecated)"
    body = routes["POST /api/v1/orders"].body
    assert body is not None
    assert body.kind == "json"
    assert {k: v for k, v in body.example.items() if k != "lines"} == {
        "sku": "textxx",
        "count": 2,
        "paid": True,
        "at": "2026-01-31T12:00:00Z",
        "kind": "new",
    }
    assert body.example["lines"][0]["price"] == 1
    assert routes["POST /api/v1/login"].body == Body("form", {"user": "text"})


def test_paths_parameters_and_bodies_of_swagger_2() -> None:
    found = described(swagger())
    routes = by_name(found)
    assert (found.port, found.login) == (9502, False)
    asked = routes["GET /api/orders/{ref}"]
    assert asked.placeholders == {"ref": Value("uuid")}
    assert asked.query == {"kind": Value(choices=("new", "old"))}
    assert routes["PUT /api/orders/{ref}"].body == Body("json", {"sku": "A-1"})
    assert routes["POST /api/orders/{ref}"].body == Body("form", {"count": Value("integer")})


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "object", "example": {"a": 1}}, {"a": 1}),
        (
            {"allOf": [{"properties": {"a": {"type": "integer"}}}], "properties": {"b": {"const": "x"}}},
            {"a": 1, "b": "x"},
        ),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, "text"),
        ({"type": ["null", "integer"], "minimum": 7}, 7),
        ({"type": "array", "items": {"type": "string", "format": "uuid"}}, ["3f2b8c1e-5d4a-4b6f-9e7c-0a1b2c3d4e5f"]),
        ({"type": "string", "default": "d"}, "d"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"examples": [{"a": 2}]}, {"a": 2}),
        ({}, None),
        (True, None),
    ],
)
def test_a_body_is_its_example_or_what_its_schema_allows(schema: Any, example: Any) -> None:
    operation = {"requestBody": {"content": {"application/json": {"schema": schema}}}, "responses": ANSWERS}
    (route,) = described(openapi("3.1.0", paths={"/a": {"post": operation}})).routes
    assert route.body is not None
    assert route.body.example == example


def test_yaml_is_read_with_its_numbers_for_keys_and_its_dates_as_texts(tmp_path: Path) -> None:
    content = yaml.safe_dump(openapi()).replace("'200':", "200:").replace("summary: All orders", "summary: 2026-01-01")
    file = tmp_path / "openapi.yaml"
    file.write_text(content)
    found = described_routes(read_file(file), str(file))
    assert by_name(found)["GET /api/v1/orders"].remark == "2026-01-01"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (openapi(paths={"/a": {"get": {}}}), r"not valid OpenAPI 3.0.3: at paths//a"),
        (openapi(info={}), "at info"),
        (openapi(paths={"/a/{id}": {"get": {"responses": ANSWERS}}}), "'id'"),
        (openapi(paths={}), "describes no operation"),
        ({"openapi": "9.0"}, "says version '9.0'"),
        ({"a": 1}, "has neither `openapi` nor `swagger`"),
        ([], "a mapping is expected"),
        (openapi(paths={"/a": {"$ref": "#/nowhere"}}), "nowhere"),
        (openapi(paths={"/a": {"$ref": "http://127.0.0.1:9/x"}}), "refers to another document: http://127.0.0.1:9/x"),
        (openapi(paths={"/a": {"$ref": "../../etc/passwd"}}), "refers to another document"),
    ],
)
def test_what_is_wrong_with_a_document_is_said_with_its_place(content: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as failed:
        described(content)
    assert "shop.json" in failed.value.message
    assert failed.value.hint


@pytest.mark.parametrize(
    "text", ["a: b: c", "\t- x", "&a [*a]", "[" * 5000, '{"a":' * 3000, "\xff\xfe", "!!python/object:os.system x", ""]
)
def test_what_is_no_document_at_all_is_bad_input(text: str) -> None:
    with pytest.raises(InputError):
        described_routes(parse(text.encode("latin-1"), "x.yaml"), "x.yaml")


def test_a_few_bytes_that_stand_for_very_much_are_refused() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12))
    with pytest.raises(InputError, match="larger than"):
        parse(f"l0: &l0 [x]\n{levels}".encode(), "x.yaml")


def test_files_that_cant_be_read_are_bad_input(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(InputError):
            read_file(path)
