"""Requests of an OpenAPI document (Swagger 2.0, OpenAPI 3.0, 3.1): its paths, parameters and bodies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from harness.errors import InputError
from harness.routes.document import Document, Resolver
from harness.routes.examples import as_text, body_example, value_of_schema
from harness.routes.route import Body, Found, Route, Value, unique

_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True)
class _Api:
    """The document with its references to follow, and what stands before every path."""

    content: Document
    resolver: Resolver
    prefix: str

    @property
    def is_swagger(self) -> bool:
        return "swagger" in self.content


def described_routes(content: Document, told: str) -> Found:
    """The routes of a document, which people know as `told`. Raises InputError where it isn't valid or has none."""
    validate(content, told)
    api = _Api(content, Resolver(content), _prefix(content))
    routes = unique(_routes(api))
    if not routes:
        raise InputError(f"{told} describes no operation", hint="see that it is the document of this app")
    title = content.get("info", {}).get("title", "")
    secured = content.get("securityDefinitions") or content.get("components", {}).get("securitySchemes")
    return Found(routes, told, title=as_text(title), port=_port(content), login=bool(secured))


def validate(content: Document, told: str) -> None:
    """Raises InputError with the place of the first mistake in the document."""
    import openapi_spec_validator  # takes a second to import, and only documents need it
    from jsonschema.exceptions import ValidationError
    from openapi_spec_validator.exceptions import OpenAPIError
    from referencing.exceptions import Unresolvable

    version = as_text(content.get("openapi") or content.get("swagger"))
    try:
        openapi_spec_validator.validate(content)
    except ValidationError as error:
        place = "/".join(map(str, error.absolute_path)) or "the top of the document"
        raise InputError(
            f"{told} is not valid OpenAPI {version}: at {place}: {error.message[:300]}",
            hint="mend the document, or give the app's folder or container instead",
        ) from error
    except Unresolvable as error:
        raise InputError(f"{told} refers to what isn't in it: {error.ref}", hint="mend the reference") from error
    except OpenAPIError as error:
        found = f"says version {version!r}" if version else "has neither `openapi` nor `swagger` at its top"
        raise InputError(
            f"{told} is no OpenAPI document that can be read: it {found}", hint="give one of version 2.0, 3.0 or 3.1"
        ) from error
    except RecursionError as error:
        raise InputError(f"{told} is nested too deeply", hint="give a simpler document") from error


def _routes(api: _Api) -> Iterator[Route]:
    for path, item in (api.content.get("paths") or {}).items():
        described = api.resolver.follow(item)
        for method in _METHODS:
            operation = described.get(method)
            if isinstance(operation, Mapping):
                yield _route(api, method.upper(), path, _parameters(api, described, operation), operation)


def _route(
    api: _Api, method: str, path: str, parameters: list[Mapping[str, Any]], operation: Mapping[str, Any]
) -> Route:
    values: dict[str, dict[str, Value]] = {"path": {}, "query": {}, "header": {}}
    for parameter in parameters:
        place, name = as_text(parameter.get("in")), as_text(parameter.get("name"))
        if place in values and (parameter.get("required") or place == "path") and name:
            values[place][name] = value_of_schema(api.resolver, parameter, name)
    headers = {name: value for name, value in values["header"].items() if _is_sendable(name, value)}
    return Route(
        method,
        _path(api.prefix, path),
        placeholders=values["path"],
        query=values["query"],
        headers=headers,
        body=_swagger_body(api, parameters) if api.is_swagger else _body(api, operation),
        where=as_text(operation.get("operationId")),
        remark=as_text(operation.get("summary")) + (" (deprecated)" if operation.get("deprecated") else ""),
    )


def _parameters(api: _Api, item: Mapping[str, Any], operation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those of the path and of the operation, which replace them by place and name."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for written in (*(item.get("parameters") or ()), *(operation.get("parameters") or ())):
        parameter = api.resolver.follow(written)
        found[as_text(parameter.get("in")), as_text(parameter.get("name"))] = parameter
    return list(found.values())


def _body(api: _Api, operation: Mapping[str, Any]) -> Body | None:
    content = api.resolver.follow(operation.get("requestBody")).get("content") or {}
    chosen = next((kind for kind in content if re.fullmatch(r"application/(?:[\w.+-]+\+)?json(?:;.*)?", kind)), None)
    chosen = chosen or next((kind for kind in content if kind in _FORMS), None) or next(iter(content), None)
    if chosen is None:
        return None
    media = api.resolver.follow(content[chosen])
    example = body_example(api.resolver, media)
    if chosen in _FORMS:
        return Body("form", _flat(example))
    return Body("json", example) if "json" in chosen else Body("body", as_text(example), content_type=chosen)


def _swagger_body(api: _Api, parameters: list[Mapping[str, Any]]) -> Body | None:
    """Swagger 2.0 describes a body among the parameters."""
    for parameter in parameters:
        if parameter.get("in") == "body":
            return Body("json", body_example(api.resolver, parameter))
    fields = {
        as_text(parameter.get("name")): value_of_schema(api.resolver, parameter, as_text(parameter.get("name")))
        for parameter in parameters
        if parameter.get("in") == "formData" and parameter.get("type") != "file"
    }
    return Body("form", fields) if fields else None


def _flat(example: Any) -> dict[str, str]:
    """The fields of a form: texts alone."""
    given = example if isinstance(example, Mapping) else {}
    return {str(name): as_text(value) for name, value in given.items() if not isinstance(value, (dict, list))}


def _prefix(content: Document) -> str:
    """The path before all others: Swagger's basePath, or that of the first server."""
    if "swagger" in content:
        return as_text(content.get("basePath")).rstrip("/")
    return urlsplit(_server(content)).path.rstrip("/")


def _port(content: Document) -> int | None:
    try:
        if "swagger" in content:
            return urlsplit(f"//{as_text(content.get('host'))}").port
        return urlsplit(_server(content)).port
    except ValueError:
        return None


def _server(content: Document) -> str:
    """The first server's address, its variables filled with their defaults."""
    first = (content.get("servers") or [{}])[0]
    variables = first.get("variables") or {}
    return re.sub(r"\{([^{}]*)\}", lambda m: as_text(variables.get(m[1], {}).get("default")), as_text(first.get("url")))


def _path(prefix: str, path: str) -> str:
    joined = f"{prefix}/{path.lstrip('/')}"
    return joined if joined.startswith("/") else f"/{joined}"


def _is_sendable(name: str, value: Value) -> bool:
    """OpenAPI leaves three headers to the rest of the description; others can't be sent as they are."""
    text = value.example or ""
    plain = re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) and text.isprintable() and text.isascii()
    return bool(plain) and name.lower() not in ("accept", "content-type", "authorization")
