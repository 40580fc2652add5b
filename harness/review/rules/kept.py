"""Static properties, globals, services' properties and functions' statics that grow and are never made smaller."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from harness.model.review import Finding, Likelihood
from harness.model.verdict import Cause
from harness.review.containers import Container
from harness.review.findings import finding
from harness.review.growth import Growth
from harness.review.keys import kind_of, worst
from harness.review.ledger import ledger_of
from harness.review.program import ClassInfo, Function, Program
from harness.review.reach import REQUEST_TYPE, Reach
from harness.review.rules.opened import is_opened
from harness.review.syntax import CALLS, CLOSURES, called, of_type, text, within

_CAUSES: dict[str, Cause] = {
    "static": "static",
    "function static": "static",
    "global": "global",
    "property": "singleton",
}
_REGISTRATION = re.compile(
    r"^(?:register|add|insert|collect|extend|macro|define|bind|set|boot|load|init)", re.IGNORECASE
)
_HOLDING_TYPES = (
    "Controller", "Middleware", "Listener", "Service", "Handler", "Aspect", "Repository", "Manager", "Factory",
)  # fmt: skip


def find_kept(program: Program, reach: Reach) -> Iterator[Finding]:
    ledger = ledger_of(program)
    for container, grown in ledger.growths.items():
        if not _outlives_requests(program, reach, container):
            continue
        told: set[Function] = set()
        for growth in grown:
            likelihood = _likelihood(reach, growth)
            if likelihood is None or growth.function in told or _is_limited(growth):
                continue
            if not ledger.is_made_smaller(growth):
                told.add(growth.function)
                yield _kept(program, growth, likelihood)
            elif skipped := ledger.skipped(growth):
                told.add(growth.function)
                yield _skippable(growth, skipped)


def _outlives_requests(program: Program, reach: Reach, container: Container) -> bool:
    """A property does if its object does: not made for a request, and of a kind that is made once."""
    if container.kind != "property":
        return True
    owner = program.classes.get(container.owner)
    if owner is None or owner.kind not in ("class", "trait") or container.name in owner.static:
        return False
    below = {owner.name, *(c.name for c in program.descendants(owner.name))}
    return not (below & reach.made) and any(_is_service(program, program.classes[name]) for name in below)


def _is_service(program: Program, owner: ClassInfo) -> bool:
    """Made by the container or at the start: injected somewhere by type, an entry for requests, or named like one."""
    if owner.short_name.endswith(_HOLDING_TYPES) or _takes_requests(owner):
        return True
    names = set(program.ancestors(owner.name))
    injected = (types for c in program.classes.values() if c is not owner for types in c.properties.values())
    return any(names & set(types) for types in injected)


def _takes_requests(owner: ClassInfo) -> bool:
    taken = (name for m in owner.methods.values() for types in m.parameters.values() for name in types)
    return any(REQUEST_TYPE.search(name) for name in taken)


def _likelihood(reach: Reach, growth: Growth) -> Likelihood | None:
    """None where it can't be every request's: while the app starts, or under keys of which there are few.

    Of what no handler of requests is seen to call, only statics and globals are told that some caller may fill.
    """
    kind = worst([kind_of(growth.function, key) for key in growth.keys])
    if kind == "few" or growth.function.name == "__construct":
        return None
    if growth.function not in reach:
        called_by_others = growth.function.is_public and not _REGISTRATION.match(growth.function.name)
        return "possible" if called_by_others and growth.container.kind != "property" else None
    return "likely" if kind in ("append", "new") else "possible"


def _is_limited(growth: Growth) -> bool:
    """Only while a count of the container is within some limit."""
    around = (node for node in within(growth.node, growth.function.body) if node.type == "if_statement")
    conditions = (node.child_by_field_name("condition") for node in around)
    calls = (call for condition in conditions if condition is not None for call in of_type(condition, *CALLS))
    return any(called(call) in ("count", "sizeof") and growth.container.name in text(call) for call in calls)


def _kept(program: Program, growth: Growth, likelihood: Likelihood) -> Finding:
    container = growth.container
    rule, cause = _named(program, growth)
    keyed = {kind_of(growth.function, key) for key in growth.keys}
    how = "grows by an element under a key of the request" if "new" in keyed else "grows by an element"
    message = f"{container.told} {how} each time {growth.function.told} runs, and nothing makes it smaller"
    return finding(rule, cause, growth.function, growth.node, message, holder=container.told, likelihood=likelihood)


def _named(program: Program, growth: Growth) -> tuple[str, Cause]:
    """The rule and the cause: by what is stored, then by where."""
    value = growth.value
    if value is not None and value.type in CLOSURES:
        return "stored-closure", "closure"
    if value is not None and is_opened(program, growth.function, value):
        return "kept-resource", "resource"
    return f"growing-{growth.container.kind.replace(' ', '-')}", _CAUSES[growth.container.kind]


def _skippable(growth: Growth, call: Node) -> Finding:
    message = (
        f"{growth.container.told} keeps its element when the call at line {call.start_point[0] + 1} throws: "
        "it is taken out again after it, not in a finally block"
    )
    cause = _CAUSES[growth.container.kind]
    return finding("skipped-release", cause, growth.function, growth.node, message, holder=growth.container.told)
