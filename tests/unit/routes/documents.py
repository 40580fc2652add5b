"""OpenAPI documents of one small shop in the three versions."""

from __future__ import annotations

from typing import Any

ANSWERS = {"200": {"description": "fine"}}
ORDER = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "sku": {"type": "string", "minLength": 6},
        "count": {"type": "integer", "minimum": 2},
        "paid": {"type": "boolean"},
        "at": {"type": "string", "format": "date-time"},
        "kind": {"type": "string", "enum": ["new", "old"]},
        "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
    },
}
LINE = {"type": "object", "properties": {"of": {"$ref": "#/components/schemas/Line"}, "price": {"type": "number"}}}


def openapi(version: str = "3.0.3", **more: Any) -> dict[str, Any]:
    return {
        "openapi": version,
        "info": {"title": "Small shop", "version": "1"},
        "servers": [{"url": "http://{host}:9501/api/v1", "variables": {"host": {"default": "127.0.0.1"}}}],
        "components": {
            "schemas": {"Order": ORDER, "Line": LINE},
            "parameters": {"Page": {"name": "page", "in": "query", "required": True, "schema": {"type": "integer"}}},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "paths": {
            "/orders": {
                "get": {
                    "summary": "All orders",
                    "parameters": [
                        {"$ref": "#/components/parameters/Page"},
                        {"name": "sort", "in": "query", "schema": {"type": "string"}},
                        {"name": "X-Shop", "in": "header", "required": True, "example": "main", "schema": {}},
                    ],
                    "responses": ANSWERS,
                },
                "post": {
                    "requestBody": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}
                    },
                    "responses": ANSWERS,
                },
            },
            "/orders/{id}": {
                "parameters": [
                    {
                        "name": "id",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "integer", "minimum": 5, "maximum": 9},
                    }
                ],
                "get": {"deprecated": True, "responses": ANSWERS},
                "delete": {"responses": ANSWERS},
            },
            "/login": {
                "post": {
                    "requestBody": {
                        "content": {
                            "application/x-www-form-urlencoded": {
                                "schema": {"type": "object", "properties": {"user": {"type": "string"}}}
                            }
                        }
                    },
                    "responses": ANSWERS,
                }
            },
        },
        **more,
    }


def swagger(**more: Any) -> dict[str, Any]:
    return {
        "swagger": "2.0",
        "info": {"title": "Old shop", "version": "1"},
        "host": "127.0.0.1:9502",
        "basePath": "/api",
        "definitions": {"Order": {"type": "object", "properties": {"sku": {"type": "string", "example": "A-1"}}}},
        "paths": {
            "/orders/{ref}": {
                "get": {
                    "parameters": [
                        {"name": "ref", "in": "path", "required": True, "type": "string", "format": "uuid"},
                        {"name": "kind", "in": "query", "required": True, "type": "string", "enum": ["new", "old"]},
                    ],
                    "responses": ANSWERS,
                },
                "put": {
                    "parameters": [
                        {"name": "ref", "in": "path", "required": True, "type": "string"},
                        {"name": "order", "in": "body", "schema": {"$ref": "#/definitions/Order"}},
                    ],
                    "responses": ANSWERS,
                },
                "post": {
                    "consumes": ["application/x-www-form-urlencoded"],
                    "parameters": [
                        {"name": "ref", "in": "path", "required": True, "type": "string"},
                        {"name": "count", "in": "formData", "type": "integer"},
                        {"name": "scan", "in": "formData", "type": "file"},
                    ],
                    "responses": ANSWERS,
                },
            }
        },
        **more,
    }
