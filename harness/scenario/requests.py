"""As-written endpoints and login to the model's, with their templates checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from harness.model.load import Endpoint, Login, Request
from harness.scenario.nodes import Leaf
from harness.scenario.paths import existing
from harness.scenario.problems import START, Mistake, quoted
from harness.scenario.reading import Draft
from harness.scenario.report import Report, Steps
from harness.scenario.templates import Templates
from harness.scenario.values import MAX_CELLS, SUFFIXES, Row, read_values
from harness.scenario.written import BODIES, DefaultsWritten, EndpointWritten, LoginWritten, Payload, RequestWritten

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_NOT_IN_PATHS = re.compile(r"[\s#\x00-\x1f\x7f]")


class _Text(NamedTuple):
    """Text that may hold templates; keys are rendered as values are."""

    path: Steps
    text: str
    is_key: bool = False


class RequestBuilder:
    """Builds what is sent. Rows of values files are read once and counted over all endpoints."""

    def __init__(self, draft: Draft, base: Path, report: Report) -> None:
        self._defaults = draft.defaults or DefaultsWritten()
        self._always = frozenset({"token"}) if draft.has_login else frozenset()
        self._base = base
        self._report = report
        self._templates = Templates()
        self._files: dict[Path, tuple[Row, ...] | None] = {}
        self._cells = 0
        self._broken = draft.broken

    def endpoint(self, written: EndpointWritten, index: int) -> Endpoint:
        path: Steps = ("endpoints", index)
        rows = self._rows(written, (*path, "values"))
        unknown = rows is None or "values" in self._broken.get(path, ())
        known = None if unknown else self._always | _columns(rows or ())
        self._check_defaults(known)
        self._check_request(written, path, known)
        if written.reset is not None:
            self._check_request(written.reset, (*path, "reset"), known)
        return Endpoint(
            name=endpoint_name(written),
            request=_request(written, written, self._defaults),
            weight=written.weight,
            expect=written.expect or self._defaults.expect,
            values=rows or (),
            screen=written.screen,
            reset=_request(written.reset, written.reset, self._defaults) if written.reset else None,
        )

    def login(self, written: LoginWritten) -> Login:
        nothing: frozenset[str] = frozenset()
        request = written.request
        self._check_request(request, ("login", "request"), nothing)
        self._check_texts(_payload_texts(written), ("login",), nothing)
        self._check_texts(_mapping_texts("headers", written.headers), ("login",), frozenset({"token"}))
        payload: Payload = written if _has_payload(written) else request
        return Login(
            request=_request(request, payload, DefaultsWritten()), token=written.token, headers=written.headers
        )

    def _check_request(self, written: RequestWritten, path: Steps, known: frozenset[str] | None) -> None:
        broken = self._check_texts(iter([_Text(("path",), written.path)]), path, known)
        if not broken:
            check_path(written.path, (*path, "path"), self._report)
        self._check_texts(_mapping_texts("headers", written.headers), path, known)
        self._check_texts(_payload_texts(written), path, known)

    def _check_defaults(self, known: frozenset[str] | None) -> None:
        for key, texts in (("headers", self._defaults.headers), ("params", self._defaults.params)):
            self._check_texts(_mapping_texts(key, texts), ("defaults",), known)

    def _check_texts(self, texts: Iterator[_Text], path: Steps, known: frozenset[str] | None) -> bool:
        """Reports the mistakes in templates; whether there was one."""
        broken = False
        for text in texts:
            for mistake in self._templates.check(text.text, known):
                self._report.add((*path, *text.path), mistake, key=text.is_key)
                broken = True
        return broken

    def _rows(self, written: EndpointWritten, path: Steps) -> tuple[Row, ...] | None:
        """The rows of an endpoint, () for none, None for a mistake in them."""
        given = written.values
        rows = self._file_rows(given.text, path) if isinstance(given, Leaf) else given or ()
        self._cells += sum(len(row) for row in rows or ())
        if self._cells > MAX_CELLS:
            what = f"the endpoints have more than {MAX_CELLS} cells of values together"
            self._report.add(path, Mistake(what, "keep fewer rows, or share them between fewer endpoints"))
            return None
        return rows

    def _file_rows(self, name: str, path: Steps) -> tuple[Row, ...] | None:
        file = existing(self._base, name, "values file", path, self._report)
        if file is None:
            return None
        if file.suffix.lower() not in SUFFIXES:
            mistake = Mistake(f"{quoted(name)} is no kind of values file", f"make it {', '.join(SUFFIXES)}")
            self._report.add(path, mistake)
            return None
        if file not in self._files:
            self._files[file] = None
            try:
                self._files[file] = read_values(file)
            except Mistake as mistake:
                self._report.problems.add(mistake.mark or START, mistake.what, mistake.to_do, file=str(file))
        return self._files[file]


def endpoint_name(written: EndpointWritten) -> str:
    return written.name or f"{written.method} {written.path}"


def check_path(text: str, path: Steps, report: Report) -> None:
    """A path of the target: no host, no fragment, nothing that has to be percent-encoded first."""
    literal = _TEMPLATE.sub("", text)
    if _ABSOLUTE.match(text):
        what = f"{quoted(text)} has a host in it, and the target's address is only known when it runs"
        report.add(path, Mistake(what, "write only what comes after the host, like /orders?page=1"))
    elif not text.startswith("/"):
        report.add(path, Mistake(f"the path {quoted(text)} doesn't begin with /", f"write {quoted('/' + text)}"))
    elif (bad := _NOT_IN_PATHS.search(literal)) is not None:
        advice = f"write %{ord(bad[0]):02X} for it" if ord(bad[0]) < 128 else "remove it"
        report.add(path, Mistake(f"the character {quoted(bad[0])} can't be in a path", advice))


def _columns(rows: tuple[Row, ...]) -> frozenset[str]:
    """The columns that every row has; another one would be missing in some requests."""
    return frozenset(rows[0]).intersection(*rows[1:]) if rows else frozenset()


def _has_payload(written: LoginWritten) -> bool:
    return any((written.params, written.json_body is not None, written.form is not None, written.body is not None))


def _request(written: RequestWritten, payload: Payload, defaults: DefaultsWritten) -> Request:
    own = {name.lower() for name in written.headers}
    inherited = {name: value for name, value in defaults.headers.items() if name.lower() not in own}
    return Request(
        method=written.method,
        path=written.path,
        headers={**inherited, **written.headers},
        params={**defaults.params, **payload.params},
        json_body=payload.json_body,
        form=payload.form,
        body=payload.body,
    )


def _mapping_texts(key: str, mapping: dict[str, str]) -> Iterator[_Text]:
    for name, value in mapping.items():
        yield _Text((key, name), name, is_key=True)
        yield _Text((key, name), value)


def _payload_texts(payload: Payload) -> Iterator[_Text]:
    yield from _mapping_texts("params", payload.params)
    for key, value in zip(BODIES, (payload.json_body, payload.form, payload.body), strict=True):
        yield from _json_texts(value, (key,))


def _json_texts(value: Any, path: Steps) -> Iterator[_Text]:
    if isinstance(value, str):
        yield _Text(path, value)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield _Text((*path, key), key, is_key=True)
            yield from _json_texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _json_texts(item, (*path, index))
