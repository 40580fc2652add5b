"""Second opinions: an outside tool at a fresh target, twice, with N and with 2N requests to one endpoint."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

from harness.diagnose import TOOLS, Tool
from harness.diagnose.blackfire import secrets_here
from harness.diagnose.protocol import Asked, Findings, Scene, TimedOut, ToolAbsent, ToolOutputError
from harness.diagnose.redaction import redacted
from harness.diagnose.xhgui import EXPORT, About, document_of
from harness.errors import HyperleakError, InputError, Interrupted, MeasureError, StorageError
from harness.history import DIAGNOSIS_FILES
from harness.load.catalogue import Catalogue
from harness.load.poker import Poker, with_poke
from harness.load.single import SingleVisitor
from harness.model.diagnosis import DiagnosePlan, Diagnosis, ToolName, ToolReport
from harness.model.load import LoadSpec
from harness.model.scenario import Scenario
from harness.model.target import TargetHandle
from harness.target import RunLabels, RunningTarget, mark_owner, start_target

INSIDE = "/hyperleak-tool"
WARMUP_REQUESTS = 5
FEWER, BASE, MORE = "n", "base", "2n"
_CONNECTIONS = 8
# Far from the numbers of the load, so that templates make other values.
_FIRST_NUMBER = 3_000_000_000


@dataclass(frozen=True)
class Order:
    """What is asked: `plan.requests` to the endpoint and, on another target, twice as many.

    `folder` is the run's. `plan.limit_s` is for each of the two targets, from its start to the tool's last word.
    """

    scenario: Scenario
    endpoint: int
    plan: DiagnosePlan
    run_id: str
    folder: Path

    @property
    def name(self) -> str:
        return self.scenario.endpoints[self.endpoint].name

    def kept(self, tool: ToolName) -> Path:
        """Where the tool's files of this endpoint are kept."""
        return self.folder / DIAGNOSIS_FILES / tool / str(self.endpoint)


class Part(NamedTuple):
    """One fresh target: how many requests it gets to the endpoint, and to the ready check after them."""

    name: str
    requests: int
    ready_requests: int = 0


def diagnose(
    scenario: Scenario,
    endpoints: list[str],
    plan: DiagnosePlan,
    diagnosis: Diagnosis,
    folder: Path,
    *,
    say: Callable[[str], None],
    keep: Callable[[Diagnosis], None],
    stop_asked: Callable[[], bool] = lambda: False,
) -> Diagnosis:
    """Asks every tool of the plan about each of the endpoints; `keep` gets the diagnosis after every answer.

    Whatever goes wrong with a tool is told in its report. Raises InputError where the scenario can't be used.
    """
    places = {endpoint.name: place for place, endpoint in enumerate(scenario.endpoints)}
    for name in endpoints:
        if name not in places:
            raise InputError(
                f"{scenario.source} has no endpoint {name!r}", hint="give the scenario of this run with --scenario"
            )
    for tool in plan.tools:
        for name in endpoints:
            if stop_asked():
                return diagnosis
            order = Order(scenario, places[name], plan, diagnosis.run_id, folder)
            diagnosis = diagnosis.with_report(run_tool(TOOLS[tool], order, say))
            keep(diagnosis)
    return diagnosis


def run_tool(tool: Tool, order: Order, say: Callable[[str], None]) -> ToolReport:
    """What the tool says of the endpoint; whatever goes wrong with it is told in the report.

    Raises InputError where the scenario itself can't be used, StorageError, Interrupted.
    """
    began_s = time.monotonic()
    found = _outcome(tool, order, say)
    took_s = round(time.monotonic() - began_s, 1)
    report = ToolReport(tool=tool.name, endpoint=order.name, requests=order.plan.requests, took_s=took_s, **found)
    return ToolReport.model_validate_json(redacted(report.model_dump_json(), secrets_here()))


def _outcome(tool: Tool, order: Order, say: Callable[[str], None]) -> dict[str, Any]:
    if absent := tool.absent():
        return {"status": "absent", "message": absent}
    began_s = time.monotonic()
    _empty(order.kept(tool.name))
    try:
        return _asked(tool, order, say)
    except ToolAbsent as lacking:
        return {"status": "absent", "message": str(lacking)}
    except TimedOut as late:
        return {"status": "timed out", "message": str(late)}
    except ToolOutputError as error:
        return {"status": "unreadable", "message": str(error), **_raw(tool, order)}
    except (InputError, StorageError, Interrupted):
        raise
    except HyperleakError as error:
        over = time.monotonic() - began_s >= order.plan.limit_s
        return {"status": "timed out" if over else "failed", "message": str(error)}


def _asked(tool: Tool, order: Order, say: Callable[[str], None]) -> dict[str, Any]:
    notes: list[str] = []
    for part in _parts(tool, order.plan.requests):
        say(f"{tool.name}: {order.name}, {part.requests} requests to a fresh target")
        notes += _once(tool, order, part)
    findings = _findings(tool, order)
    return {
        "status": "told",
        "suspects": tuple(findings.suspects),
        "notes": tuple(dict.fromkeys((*notes, *findings.notes))),
        "exports": _exports(tool, order),
        **_raw(tool, order),
    }


def _parts(tool: Tool, requests: int) -> list[Part]:
    if tool.sends_itself:
        return [Part(MORE, requests)]
    base = [Part(BASE, requests, requests)] if tool.against_ready else []
    return [Part(FEWER, requests), *base, Part(MORE, 2 * requests)]


def _findings(tool: Tool, order: Order) -> Findings:
    base = BASE if tool.against_ready else FEWER
    fewer, more = (list(tool.outputs(order.kept(tool.name) / part)) for part in (base, MORE))
    if not more or not (fewer or tool.sends_itself):
        raise ToolOutputError(f"{tool.name} left no file behind")
    return tool.compare(fewer, more, order.plan.requests)


def _once(tool: Tool, order: Order, part: Part) -> list[str]:
    """One target, from its start to its end; the tool's files are kept, what brought the tool in isn't."""
    deadline_s = time.monotonic() + order.plan.limit_s
    labels = RunLabels(run_id=order.run_id, scenario=order.scenario.name)
    kept = order.kept(tool.name) / part.name
    kept.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix=f"hyperleak-{labels.slug}-tool-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        mark_owner(folder, labels)
        try:
            with _target(tool, order, labels, folder, kept) as target:
                if lacking := tool.missing(folder):
                    raise ToolAbsent(lacking)
                return _tell(tool, order, target, folder, part, deadline_s)
        finally:
            for output in tool.outputs(folder):
                shutil.copyfile(output, kept / output.name)


@contextmanager
def _target(tool: Tool, order: Order, labels: RunLabels, folder: Path, log_dir: Path) -> Iterator[RunningTarget]:
    """Under a tool it may start slowly: it has all of the time for that."""
    spec = order.scenario.target
    inside = str(folder) if spec.kind == "command" else INSIDE
    changed = {
        "injection": tool.injection(folder, inside),
        "environment": spec.environment | order.plan.environment,
        "ready": spec.ready.model_copy(update={"timeout_s": order.plan.limit_s}),
    }
    with start_target(spec.model_copy(update=changed), labels, log_dir=log_dir) as target:
        yield target


def _tell(tool: Tool, order: Order, target: RunningTarget, folder: Path, part: Part, deadline_s: float) -> list[str]:
    handle = target.handle
    if handle.root_pid is None:
        raise MeasureError(f"{tool.name} has to reach the target's processes", hint="use an engine on this machine")
    spec = _load_spec(order.scenario, handle)
    catalogue = Catalogue(spec)
    if not tool.sends_itself:
        _send(order, spec, part, deadline_s)
    if not target.state().running:
        raise MeasureError(f"the target ended under {tool.name}; its last words: {target.logs_tail(5)}")
    with closing(Poker(spec, order.scenario.target.ready.path, _CONNECTIONS)) as poke:
        scene = Scene(
            root_pid=handle.root_pid,
            folder=folder,
            deadline_s=deadline_s,
            requests=part.requests,
            asked=_request(catalogue, order.endpoint),
            poke=poke,
            last_words=lambda: target.logs_tail(5),
        )
        return tool.tell(scene)


def _send(order: Order, spec: LoadSpec, part: Part, deadline_s: float) -> None:
    """One request at a time over one connection; those of the warm-up come before in every target."""
    answered = 0
    poked = with_poke(spec, order.scenario.target.ready.path)
    ready = len(spec.endpoints)
    turns = [ready, order.endpoint] * WARMUP_REQUESTS + [order.endpoint] * part.requests + [ready] * part.ready_requests
    with SingleVisitor(poked, Catalogue(poked), 0) as visitor:
        for number, endpoint in enumerate(turns):
            if time.monotonic() > deadline_s:
                raise TimedOut(f"after {number} requests: give it longer (--limit) or fewer (--requests)")
            status = visitor.send(endpoint, _FIRST_NUMBER + number)
            answered += endpoint == order.endpoint and status is not None
    if not answered:
        raise MeasureError(
            f"no request to {order.name} was answered", hint="see that the endpoint works without the tool"
        )


def _request(catalogue: Catalogue, endpoint: int) -> Asked:
    wire = catalogue.request(endpoint, _FIRST_NUMBER)
    lines = wire.head.decode("latin-1").split("\r\n")[1:]
    headers = [(name, value.strip()) for name, colon, value in (line.partition(":") for line in lines) if colon]
    own = {"host", "content-length"}
    return Asked(
        method=wire.method,
        url=urljoin(catalogue.origin.url, wire.target),
        headers=tuple(pair for pair in headers if pair[0].lower() not in own),
        body=wire.body,
    )


def _load_spec(scenario: Scenario, handle: TargetHandle) -> LoadSpec:
    return LoadSpec(
        base_url=handle.base_url,
        endpoints=scenario.endpoints,
        login=scenario.login,
        request_timeout_s=scenario.load.request_timeout_s,
        seed=scenario.seed,
    )


def _exports(tool: Tool, order: Order) -> tuple[str, ...]:
    """The profile that XHGui imports, of the requests that the second target had more."""
    if tool.name != "xhprof":
        return ()
    kept = order.kept(tool.name)
    fewer, more = (list(tool.outputs(kept / part)) for part in (FEWER, MORE))
    asked = order.scenario.endpoints[order.endpoint].request
    about = About(order.run_id, order.name, asked.method, asked.path, order.plan.requests, int(time.time()))
    (kept / EXPORT).write_text(json.dumps(document_of(fewer, more, about)) + "\n", encoding="utf-8")
    return (str((kept / EXPORT).relative_to(order.folder)),)


def _raw(tool: Tool, order: Order) -> dict[str, Any]:
    found = (file for part in (FEWER, BASE, MORE) for file in tool.outputs(order.kept(tool.name) / part))
    return {"raw": tuple(str(file.relative_to(order.folder)) for file in found)}


def _empty(folder: Path) -> None:
    """What an earlier diagnosis left. Raises StorageError."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror or error}", hint="free some space") from error
