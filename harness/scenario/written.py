"""The scenario as people write it; field names are the keys (by alias where Python or the model needs another).

What one value may be is said here. What needs the file system, templates or other sections is checked in building.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.model.diagnosis import DiagnosePlan, ToolName
from harness.model.scenario import Estimator, LoadPlan, Sampling, ScreeningPlan
from harness.model.target import CommandSpec, ReadyCheck
from harness.model.verdict import EndpointOutcome
from harness.scenario import compound, fields
from harness.scenario.nodes import Leaf
from harness.scenario.problems import Mistake

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
BODIES = ("json", "form", "body")
KINDS = ("image", "build", "compose", "command")
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
HEADER_NAME_PATTERN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
MAX_ENDPOINTS = 1000
MAX_FIELDS = 100
MAX_BODY_CHARACTERS = 1024 * 1024

_LOAD = LoadPlan()
_SAMPLING = Sampling()
_SCREENING = ScreeningPlan()
_DIAGNOSE = DiagnosePlan()
_DAY_S = 86_400.0
_SHORT_ENDPOINT = rf"^(?:{'|'.join(METHODS)})\s+/"
_NAME_ADVICE = "use letters, digits, dots, dashes and underscores; it becomes the name of a folder"

Text = Annotated[str, fields.text()]
Variable = Annotated[str, fields.text("the name of a variable", pattern=r"[A-Za-z_][A-Za-z0-9_]*", max_length=100)]
Reference = Annotated[
    str,
    fields.text(
        "a name without spaces",
        pattern=r"[A-Za-z0-9_][^\s]*",
        max_length=300,
        to_do="write it as the engine knows it",
    ),
]
HeaderName = Annotated[
    str,
    fields.text("the name of a header", pattern=HEADER_NAME_PATTERN, to_do="write it like X-Request-Id"),
]
HeaderValue = Annotated[
    str,
    fields.text(
        "a header's value in one line of Latin-1",
        pattern=r"[\t\x20-\x7e\xa0-\xff]*|.*\{\{.*\}\}.*",
        to_do="remove line breaks and other characters",
        max_length=8000,
        empty=True,
    ),
]
Cell = Annotated[str, fields.text(max_length=MAX_BODY_CHARACTERS, empty=True)]
Headers = Annotated[dict[HeaderName, HeaderValue], Field(max_length=MAX_FIELDS)]
Fields = Annotated[dict[str, Cell], Field(max_length=MAX_FIELDS)]
Pairs = Annotated[dict[str, str | None], compound.PAIRS]
Command = Annotated[tuple[str, ...], compound.COMMAND]
Status = Annotated[int, fields.whole(100, 599)]


Statuses = Annotated[tuple[Status, ...], Field(min_length=1, max_length=MAX_FIELDS), fields.OneOrMany()]
Tool = Annotated[ToolName, fields.choice(*get_args(ToolName))]
Tools = Annotated[tuple[Tool, ...], Field(min_length=1, max_length=len(get_args(ToolName))), fields.OneOrMany()]
Files = Annotated[tuple[Text, ...], Field(min_length=1, max_length=MAX_FIELDS), fields.OneOrMany()]


class Written(BaseModel):
    """A mapping of the file. `conflicts` says which keys can't go together, whatever their values are."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)
    short_key: ClassVar[str | None] = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, data: Any) -> Any:
        if isinstance(data, Leaf) and not data.is_null and cls.short_key is not None:
            return {cls.short_key: data}
        return data

    @classmethod
    def conflicts(cls, data: dict[str, Any]) -> Iterator[Mistake]:  # noqa: ARG003
        yield from ()


class BuildWritten(Written):
    short_key = "context"
    context: Text = Field(examples=["../app"])
    dockerfile: Text = "Dockerfile"
    args: Pairs = {}


class ComposeWritten(Written):
    short_key = "file"
    files: Files = Field(alias="file", examples=["compose.yaml"])
    service: Reference = Field(examples=["app"])


class ReadyWritten(Written):
    short_key = "path"
    path: Text = ReadyCheck().path
    status: Status | None = None
    timeout_s: Annotated[float, fields.duration(0.1, _DAY_S)] = Field(ReadyCheck().timeout_s, alias="timeout")


class TargetWritten(Written):
    """What to start: exactly one of image, build, compose and command."""

    image: Reference | None = Field(None, examples=["hyperleak/resident:latest"])
    build: BuildWritten | None = None
    compose: ComposeWritten | None = None
    command: Command | None = None
    container_command: Command = Field((), description="What an image or a build runs instead of its own command.")
    cwd: Text = "."
    port_variable: Variable = CommandSpec.model_fields["port_variable"].default
    port: Annotated[int, fields.whole(0, 65535)] | None = None
    environment: Pairs = {}
    memory_limit_bytes: Annotated[int, fields.size(6 * 1024**2, 2**50)] | None = Field(None, alias="memory")
    cpus: Annotated[float, fields.number(0, 1025)] | None = None
    ready: ReadyWritten = ReadyWritten()

    @classmethod
    def conflicts(cls, data: dict[str, Any]) -> Iterator[Mistake]:
        given = [kind for kind in KINDS if kind in data]
        if len(given) != 1:
            found = "nothing says what to start" if not given else f"{' and '.join(given)} are both here"
            yield Mistake(found, f"give exactly one of {', '.join(KINDS)}")
            return
        foreign: tuple[str, ...] = ("cwd", "port_variable") if given[0] != "command" else ("container_command",)
        foreign += ("container_command",) if given[0] == "compose" else ()
        for key in foreign:
            if key in data:
                yield Mistake(f"{key} can't go with {given[0]}", "remove one of them")
        if given[0] != "command" and "port" not in data:
            yield Mistake("port is missing", "add the port that the app listens on, like `port: 9501`")


class LoadWritten(Written):
    profile: Annotated[Literal["attribution", "soak"], fields.choice("attribution", "soak")] = _LOAD.profile
    rate: Annotated[float, fields.RATE] = _LOAD.rate
    users: Annotated[int, fields.whole(1, 10_000)] = _LOAD.users
    window_s: Annotated[float, fields.duration(0.01, 3600)] = Field(_LOAD.window_s, alias="window")
    budget_s: Annotated[float, fields.duration(0.1, 30 * _DAY_S)] = Field(_LOAD.budget_s, alias="budget")
    warmup_requests: Annotated[int, fields.whole(0, 1_000_000)] = Field(_LOAD.warmup_requests, alias="warmup")
    confirm_requests: Annotated[int, fields.whole(0, 1_000_000)] = Field(_LOAD.confirm_requests, alias="confirm")
    request_timeout_s: Annotated[float, fields.duration(0.01, 3600)] = Field(
        _LOAD.request_timeout_s, alias="request_timeout"
    )
    workers: Annotated[int, fields.whole(1, 64)] = _LOAD.workers
    remote_workers: Annotated[int, fields.whole(0, 1000)] = _LOAD.remote_workers
    bind: Annotated[
        str,
        fields.text(
            "an address",
            pattern=r"\*|[0-9A-Za-z][0-9A-Za-z.:-]{0,252}|::[0-9A-Za-z.:]*",
            to_do="write it like 0.0.0.0",
        ),
    ] = _LOAD.bind
    bind_port: Annotated[int, fields.whole(1, 65535)] = _LOAD.bind_port


class SamplingWritten(Written):
    heap: Annotated[bool, fields.FLAG] = _SAMPLING.heap
    probe: Annotated[bool, fields.FLAG] = _SAMPLING.probe
    probe_signal: Annotated[int, fields.whole(35, 64)] | None = _SAMPLING.probe_signal
    settle_timeout_s: Annotated[float, fields.duration(0.001, 3600)] = Field(
        _SAMPLING.settle_timeout_s, alias="settle_timeout"
    )


class ScreeningWritten(Written):
    enabled: Annotated[bool, fields.FLAG] = _SCREENING.enabled
    requests: Annotated[int, fields.whole(20, 100_000)] = _SCREENING.requests
    budget_s: Annotated[float, fields.duration(0.1, 3600)] = Field(_SCREENING.budget_s, alias="budget")


class ProductionWritten(Written):
    """The traffic that the app really bears, which a report tells growth a day and the time to the limit for."""

    rate: Annotated[float, fields.STEADY_RATE] = Field(examples=["120/s"])


class DiagnoseWritten(Written):
    """Outside tools that look at the endpoints that leak, once the run has its verdict."""

    short_key = "tools"
    tools: Tools = Field(examples=["[valgrind, xhprof]"])
    environment: Pairs = Field({}, examples=["{WORKERS: 1}"])
    requests: Annotated[int, fields.whole(1, 100_000)] = _DIAGNOSE.requests
    limit_s: Annotated[float, fields.duration(1, _DAY_S)] = Field(_DIAGNOSE.limit_s, alias="limit")


class DefaultsWritten(Written):
    """Goes into every endpoint that doesn't say otherwise."""

    headers: Headers = {}
    params: Fields = {}
    expect: Statuses = ()


class Payload(Written):
    params: Fields = {}
    json_body: Annotated[Any, compound.JSON] = Field(None, alias="json")
    form: Fields | None = None
    body: Annotated[str, fields.text(max_length=MAX_BODY_CHARACTERS)] | None = None

    @classmethod
    def conflicts(cls, data: dict[str, Any]) -> Iterator[Mistake]:
        given = [key for key in BODIES if key in data]
        if len(given) > 1:
            yield Mistake(f"{' and '.join(given)} are both here", f"give at most one of {', '.join(BODIES)}")


def _split_short(data: Any) -> Any:
    """`POST /login` as the mapping that it stands for."""
    if not isinstance(data, Leaf) or data.is_null:
        return data
    words = data.text.split(maxsplit=1)
    if len(words) < 2:
        fields.unexpected(data, "a method and a path", "write it like GET /path")
    return {"method": data.replaced(words[0]), "path": data.replaced(words[1])}


class RequestWritten(Payload):
    method: Annotated[str, fields.choice(*METHODS)] = "GET"
    path: Annotated[str, fields.text("a path", max_length=8000)] = Field(examples=["/orders"])
    headers: Headers = {}

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return _split_short(data)


class EndpointWritten(RequestWritten):
    name: (
        Annotated[
            str,
            fields.text("a name in one line", pattern=r"[^\x00-\x1f\x7f\x85\u2028\u2029]+", max_length=200),
        ]
        | None
    ) = None
    weight: Annotated[float, fields.number(0, 1e6)] = 1.0
    expect: Statuses = ()
    values: Annotated[Any, compound.VALUES] = None
    screen: Annotated[bool, fields.FLAG] = True
    reset: RequestWritten | None = Field(None, examples=["DELETE /cart"])


class LoginWritten(Payload):
    """Sent once by every user; the rest of the payload may stand beside a short `request`."""

    request: RequestWritten = Field(examples=["POST /login"])
    token: Annotated[
        str, fields.text("a dotted path", pattern=r"[^\s.]+(?:\.[^\s.]+)*", to_do="write it like data.token")
    ] = Field(examples=["data.token"])
    headers: Headers = {"Authorization": "Bearer {{ token }}"}

    @classmethod
    def conflicts(cls, data: dict[str, Any]) -> Iterator[Mistake]:
        yield from super().conflicts(data)
        request = data.get("request")
        if isinstance(request, dict):
            inside, beside = (sorted(set(keys) & {*BODIES, "params"}) for keys in (request, data))
            if inside and beside:
                what = f"{beside[0]} is here and {inside[0]} in the request"
                yield Mistake(what, "keep what is sent in one of the two places")


class GeneralWritten(Written):
    """The single values at the top of the file."""

    name: Annotated[str, fields.text("a name", pattern=NAME_PATTERN, to_do=_NAME_ADVICE)] | None = None
    description: Annotated[str, fields.text(max_length=10_000, empty=True)] = ""
    threshold_bytes: Annotated[float, fields.size(1, 2**40)] = Field(64.0, alias="threshold")
    confidence: Annotated[float, fields.number(0.5, 1)] = 0.99
    estimator: Annotated[Estimator, fields.choice(*get_args(Estimator))] = "robust"
    seed: Annotated[int, fields.whole(0, 2**32 - 1)] = 0
    expect: dict[str, Annotated[EndpointOutcome, fields.choice(*get_args(EndpointOutcome))]] = {}


class ScenarioWritten(GeneralWritten):
    target: TargetWritten = Field(examples=["{image: hyperleak/resident:latest, port: 8080}"])
    load: LoadWritten = LoadWritten()
    sampling: SamplingWritten = SamplingWritten()
    screening: ScreeningWritten = ScreeningWritten()
    production: ProductionWritten | None = Field(None, examples=["{rate: 120/s}"])
    diagnose: DiagnoseWritten | None = Field(None, examples=["{tools: [valgrind, xhprof]}"])
    defaults: DefaultsWritten = DefaultsWritten()
    login: LoginWritten | None = None
    endpoints: Annotated[tuple[EndpointWritten, ...], Field(min_length=1, max_length=MAX_ENDPOINTS)] = Field(
        examples=["[GET /health]"]
    )
