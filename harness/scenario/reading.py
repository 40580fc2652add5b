"""From the tree of a document to as-written sections.

Each section is read alone, so that a mistake in one hides none in another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from harness.scenario.nodes import described, to_data
from harness.scenario.problems import Mistake, Mistakes
from harness.scenario.report import Report, Steps, suggestion
from harness.scenario.written import (
    MAX_ENDPOINTS,
    DefaultsWritten,
    DiagnoseWritten,
    EndpointWritten,
    GeneralWritten,
    LoadWritten,
    LoginWritten,
    ProductionWritten,
    RequestWritten,
    SamplingWritten,
    ScenarioWritten,
    ScreeningWritten,
    TargetWritten,
    Written,
)

_Section = TypeVar("_Section", bound=Written)


@dataclass(frozen=True)
class Draft:
    """What could be read; None stands for a section that could not (a login, production or diagnose also for none).

    `broken` has the sections with mistakes in them, each with the keys that were left out of it for that.
    """

    general: GeneralWritten | None
    target: TargetWritten | None
    load: LoadWritten | None
    sampling: SamplingWritten | None
    screening: ScreeningWritten | None
    production: ProductionWritten | None
    diagnose: DiagnoseWritten | None
    defaults: DefaultsWritten | None
    login: LoginWritten | None
    has_login: bool
    endpoints: tuple[EndpointWritten | None, ...]
    broken: dict[Steps, frozenset[str]]


def read_draft(report: Report) -> Draft:
    """Reads every section; the mistakes go to the report."""
    data: dict[str, Any] = to_data(report.root)
    check_root(data, ScenarioWritten, report)
    sections = Sections(report)
    general = {key: value for key, value in data.items() if key in _keys(GeneralWritten)}
    return Draft(
        general=sections.read(GeneralWritten, general, ()),
        target=sections.read(TargetWritten, data["target"], ("target",)) if "target" in data else None,
        load=sections.read(LoadWritten, data.get("load", {}), ("load",)),
        sampling=sections.read(SamplingWritten, data.get("sampling", {}), ("sampling",)),
        screening=sections.read(ScreeningWritten, data.get("screening", {}), ("screening",)),
        production=sections.read(ProductionWritten, data["production"], ("production",))
        if "production" in data
        else None,
        diagnose=sections.read(DiagnoseWritten, data["diagnose"], ("diagnose",)) if "diagnose" in data else None,
        defaults=sections.read(DefaultsWritten, data.get("defaults", {}), ("defaults",)),
        login=sections.read(LoginWritten, data["login"], ("login",)) if "login" in data else None,
        has_login="login" in data,
        endpoints=_read_endpoints(data.get("endpoints", []), sections),
        broken=sections.broken,
    )


class Sections:
    """Reads sections one by one; the mistakes go to the report."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.broken: dict[Steps, frozenset[str]] = {}

    def read(self, model: type[_Section], data: Any, path: Steps) -> _Section | None:
        """The section; one with mistakes comes back without the broken keys, so that the others can be checked."""
        for where, mistake in _conflicts(model, data):
            self.report.add((*path, *where), mistake, key=True)
            self.broken[path] = frozenset()
        try:
            return model.model_validate(data)
        except ValidationError as error:
            keys = frozenset(self._tell(error, model, path))
        self.broken[path] = keys
        if not isinstance(data, dict):
            return None
        try:
            return model.model_validate({key: value for key, value in data.items() if key not in keys})
        except ValidationError:
            return None

    def _tell(self, error: ValidationError, model: type[Written], path: Steps) -> Iterator[str]:
        """Reports the mistakes and gives the keys that they are in."""
        for details in error.errors(include_url=False):
            if not (details["type"] == "too_short" and details["input"]):  # it only lost its broken items
                _report(details, model, path, self.report)
            yield from map(str, details["loc"][:1])


def check_root(data: dict[str, Any], model: type[Written], report: Report) -> None:
    """Reports what isn't known at the top of a document, and what is missing there."""
    for key in data:
        if key not in _keys(model):
            report.add((key,), _unknown(key, model), key=True)
    for name, field in model.model_fields.items():
        if field.is_required() and name not in data:
            report.add((), _missing(name, field))


def _read_endpoints(data: Any, sections: Sections) -> tuple[EndpointWritten | None, ...]:
    path, report = ("endpoints",), sections.report
    if not isinstance(data, list):
        report.add(path, Mistake(f"expected a list, found {described(data)}", "write lines like `- GET /path`"))
        return ()
    if len(data) > MAX_ENDPOINTS:
        report.add(path, Mistake(f"there are more than {MAX_ENDPOINTS} endpoints", "split the scenario"))
        return ()
    if not data and "endpoints" in report.root.entries:
        report.add(path, Mistake("there is no endpoint", "add one, like `- GET /health`"))
    return tuple(sections.read(EndpointWritten, item, (*path, index)) for index, item in enumerate(data))


def _conflicts(model: type[Written], data: Any) -> Iterator[tuple[Steps, Mistake]]:
    if not isinstance(data, dict):
        return
    yield from (((), mistake) for mistake in model.conflicts(data))
    for key, field in model.model_fields.items():
        if RequestWritten in (field.annotation, *get_args(field.annotation)) and isinstance(data.get(key), dict):
            yield from (((key,), mistake) for mistake in RequestWritten.conflicts(data[key]))


def _report(details: ErrorDetails, model: type[Written], path: Steps, report: Report) -> None:
    of_key = isinstance(details["input"], str)  # values are leaves, lists and mappings
    inside = details["loc"][:-1] if of_key else details["loc"]
    where = (*path, *inside)
    kind = details["type"]
    if kind == "missing":
        name = str(inside[-1])
        report.add(where[:-1], _missing(name, _field(_model_at(model, inside), name)), key=True)
    elif kind == "extra_forbidden":
        report.add(where, _unknown(str(inside[-1]), _model_at(model, inside)), key=True)
    elif kind == "value_error":
        for mistake in _own_mistakes(details):
            report.add(where, mistake, key=of_key)
    else:
        report.add(where, _container(kind, details))


def _own_mistakes(details: ErrorDetails) -> Sequence[Mistake]:
    error = details["ctx"]["error"]
    return error.found if isinstance(error, Mistakes) else [error]


def _container(kind: str, details: ErrorDetails) -> Mistake:
    """Mistakes about lists and mappings are the only ones that pydantic finds by itself."""
    found = described(details["input"])
    limits = details.get("ctx", {})
    if kind == "too_long":
        return Mistake(f"there are more than {limits['max_length']} values", "keep the ones that matter")
    if kind == "too_short":
        return Mistake("the list is empty", "add a value or remove the key")
    if kind in ("tuple_type", "list_type"):
        return Mistake(f"expected a list, found {found}", "write it like [a, b]")
    return Mistake(f"expected a mapping, found {found}", "write `key: value` lines")


def _unknown(key: str, model: type[Written]) -> Mistake:
    known = _keys(model)
    return Mistake("this key is not known", suggestion(key, known, otherwise=f"the keys here are {', '.join(known)}"))


def _missing(name: str, field: FieldInfo) -> Mistake:
    example = field.examples[0] if field.examples else "…"
    return Mistake(f"{name} is missing", f"add it, like `{name}: {example}`")


def _keys(model: type[Written]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _field(model: type[Written], key: str) -> FieldInfo:
    return next(field for name, field in model.model_fields.items() if key == (field.alias or name))


def _model_at(model: type[Written], path: Steps) -> type[Written]:
    """The model that the last step of `path` belongs to."""
    for step in path[:-1]:
        if isinstance(step, str):
            annotation = _field(model, step).annotation
            model = next(kind for kind in (annotation, *get_args(annotation)) if _is_model(kind))
    return model


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Written)
