"""A place where memory is held, as PHP would write it and where it is declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from harness.model.census import Declaration, Place
from harness.sample.declarations import Located, locate_global, locate_only_timer, locate_property, locate_variable

ReadSource = Callable[[str], str | None]
"""The text of a file under the path that the app has for it; None where it can't be had."""


def no_sources(_: str) -> None:
    """Where the app's files can't be read: classes are still named with the line where they begin."""


@dataclass(eq=False)
class Node:
    """A place in both censuses; the numbers are what it gained."""

    place: Place
    parent: Node | None
    key: str = ""
    instances: float = 0.0
    elements: float = 0.0
    bytes: float = 0.0
    children: list[Node] = field(default_factory=list)
    below_bytes: float = 0.0
    was_there: bool = False

    def subtree(self) -> Iterator[Node]:
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(node.children)

    def ancestors(self) -> Iterator[Node]:
        """Itself first."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent


def path_of(node: Node) -> str:
    """As PHP would write it, from the last root on: a static, a global, a single object, a closure."""
    parts: list[str] = []
    for each in node.ancestors():
        parts.append(_written(each))
        if each.place.kind == "captured":
            break
    return "".join(reversed(parts))


def _written(node: Node) -> str:
    place = node.place
    match place.kind:
        case "static" | "element":
            return place.step
        case "global":
            return f"$GLOBALS['{place.step}']"
        case "variable":
            return f"static {place.step.rpartition(' at ')[0]}"
        case "object":
            return place.holds.removeprefix("object ")
        case "property":
            return f"->{_property(place.step)[1]}"
        case "captured" | "this":
            name = place.step if place.kind == "this" else f"${place.step}"
            return f"{node.parent.place.holds} ({name})" if node.parent else name
        case "coroutine":
            return f"coroutine waiting at {place.step or 'an unknown line'}"
        case "timer":
            return f"{place.step}::tick"
        case "frame" | "argument":
            return f"{'$this' if place.kind == 'frame' else 'an argument'} of {place.step}"
        case _:
            return f" ({place.kind})"


def _property(step: str) -> tuple[str, str]:
    """Class ("" unless private) and name of a property as a cast to an array writes it."""
    if not step.startswith("\0"):
        return "", step
    scope, _, name = step[1:].partition("\0")
    return ("" if scope == "*" else scope), name


def locate(
    node: Node, declarations: Mapping[str, Declaration], sources: Iterable[str], read_source: ReadSource
) -> Located | None:
    """Where the innermost named thing on the way to the holder is declared."""
    for each in node.ancestors():
        if each.place.kind == "property":
            located = _locate_member(each, declarations, read_source)
        else:
            located = _locate_root(each, declarations, sources, read_source)
        if located or each.place.kind in ("global", "coroutine", "timer"):
            return located
    return None


def _locate_member(node: Node, declarations: Mapping[str, Declaration], read_source: ReadSource) -> Located | None:
    scope, name = _property(node.place.step)
    owner = node.parent.place.holds.removeprefix("object ") if node.parent else ""
    return locate_property(scope or owner, name, declarations, read_source)


def _locate_root(
    node: Node, declarations: Mapping[str, Declaration], sources: Iterable[str], read_source: ReadSource
) -> Located | None:
    step = node.place.step
    match node.place.kind:
        case "captured":
            return Located.of(node.parent.place.holds.removeprefix("closure ")) if node.parent else None
        case "coroutine":
            return Located.of(step)
        case "timer":
            return locate_only_timer(sources, read_source)
        case "static":
            owner, _, name = step.partition("::$")
            return locate_property(owner, name, declarations, read_source)
        case "variable":
            return locate_variable(step, read_source)
        case "global":
            return locate_global(step, sources, read_source)
        case "object":
            return Located.of_class(node.place.holds.removeprefix("object "), declarations)
        case _:
            return None
