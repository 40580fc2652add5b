"""Fetching and reading an OpenAPI document: a file, its URL, or the usual places at an app's URL."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpx
import yaml

from harness.errors import InputError

Document = dict[str, Any]

USUAL_PLACES: Final = (
    "/openapi.json",
    "/swagger.json",
    "/openapi.yaml",
    "/swagger.yaml",
    "/http.json",
    "/swagger/http.json",
    "/api-docs",
    "/v3/api-docs",
    "/docs/openapi.json",
    "/api/openapi.json",
    "/api/swagger.json",
    "/swagger/v1/swagger.json",
)
LARGEST_BYTES: Final = 16 * 1024**2
FETCH_TIMEOUT_S: Final = 10.0
_MOST_STEPS: Final = 32
_DEEPEST: Final = 200
_MOST_NODES: Final = 2_000_000


class _Loader(yaml.SafeLoader):
    """YAML in which a date is a text, as JSON's schemas want it."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Resolver:
    """Follows references inside of one document."""

    def __init__(self, content: Document) -> None:
        self._content = content

    def follow(self, node: Any) -> Mapping[str, Any]:
        """The mapping that `node` is or refers to; an empty one where it is neither."""
        for _ in range(_MOST_STEPS):
            if not isinstance(node, Mapping):
                return {}
            if not isinstance(node.get("$ref"), str):
                return node
            node = self._at(node["$ref"])
        return {}

    def _at(self, reference: str) -> Any:
        found: Any = self._content
        for step in reference.removeprefix("#").strip("/").split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, Mapping) else None
        return found


def read_file(path: Path) -> Document:
    """Raises InputError where it can't be read or is no document."""
    try:
        if not path.is_file():
            raise InputError(f"{path} is not a file", hint="give a document as a plain file")
        if path.stat().st_size > LARGEST_BYTES:
            raise _too_large(str(path))
        return parse(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", hint="check the path and its permissions") from error


def fetch_document(url: str) -> tuple[Document, str]:
    """The document at `url`, or at one of the usual places of that server, and where it was. Raises InputError."""
    tried: list[str] = []
    with httpx.Client(timeout=FETCH_TIMEOUT_S, follow_redirects=True, trust_env=False) as client:
        for place in _places(url):
            status, raw = _get(client, place)
            if status == 200 and _may_be_document(raw):
                content = parse(raw, place)
                if "openapi" in content or "swagger" in content:
                    return content, place
            tried.append(f"{urlsplit(place).path or '/'} ({status})")
    raise InputError(
        f"no OpenAPI document was found at {url}; tried {', '.join(tried)}",
        hint="give the document's own URL or file, or the app's folder or --container, whose routes are asked for",
    )


def parse(raw: bytes, told: str) -> Document:
    """JSON, else YAML; references into other documents are refused. Raises InputError."""
    try:
        plain = _plain(_decoded(raw, told), 0, count(1))
    except RecursionError as error:
        raise InputError(f"{told} is nested too deeply", hint="give a simpler document") from error
    except OverflowError as error:
        raise _too_large(told) from error
    if not isinstance(plain, dict):
        raise InputError(f"{told} is not an OpenAPI document: a mapping is expected", hint="give another file")
    outside = next(_outside(plain), None)
    if outside is not None:
        raise InputError(
            f"{told} refers to another document: {outside[:200]}",
            hint="put it into one file first, as with `redocly bundle`",
        )
    return plain


def _decoded(raw: bytes, told: str) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return _yaml(raw, told)


def _yaml(raw: bytes, told: str) -> Any:
    try:
        return yaml.load(raw.decode("utf-8-sig"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        what = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise InputError(f"{told}{place} is neither JSON nor YAML: {what}", hint="give an OpenAPI document") from error


def _plain(node: Any, depth: int, seen: Iterator[int]) -> Any:
    """Keys as texts: YAML reads `200:` as a number. YAML's aliases can make few bytes a very large document."""
    if depth > _DEEPEST:
        raise RecursionError
    if next(seen) > _MOST_NODES:
        raise OverflowError
    if isinstance(node, dict):
        return {str(key): _plain(value, depth + 1, seen) for key, value in node.items()}
    return [_plain(item, depth + 1, seen) for item in node] if isinstance(node, list) else node


def _outside(node: Any) -> Iterator[str]:
    """References that lead out of the document. What is merely called `$ref` in an example is no text."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            reference = found.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#"):
                yield reference
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)


def _places(url: str) -> list[str]:
    """The URL itself, the usual places below it, and those of its server."""
    below = [url.rstrip("/") + place for place in USUAL_PLACES[:2]] if urlsplit(url).path.strip("/") else []
    return list(dict.fromkeys([url, *below, *(urljoin(url, place) for place in USUAL_PLACES)]))


def _get(client: httpx.Client, url: str) -> tuple[int, bytes]:
    try:
        with client.stream("GET", url, headers={"Accept": "application/json, application/yaml, */*"}) as answer:
            raw = bytearray()
            for chunk in answer.iter_bytes():
                raw += chunk
                if len(raw) > LARGEST_BYTES:
                    raise _too_large(url)
            return answer.status_code, bytes(raw)
    except (httpx.ConnectError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise InputError(f"{url}: {error}", hint="see that the app runs and listens there") from error
    except httpx.HTTPError as error:
        raise InputError(f"{url}: {type(error).__name__}: {error}", hint="see what the app answers there") from error


def _may_be_document(raw: bytes) -> bool:
    """A page for a browser isn't one, whatever YAML makes of it."""
    head = raw[:4096].lstrip().lower()
    return not head.startswith(b"<") and (b"openapi" in raw or b"swagger" in raw)


def _too_large(told: str) -> InputError:
    return InputError(f"{told} is larger than {LARGEST_BYTES // 1024**2} MiB", hint="give a smaller document")
