"""Who holds the growth between two censuses of a worker. Pure: two values and the number of requests between them.

Places are matched by how they are reached. An object that is the only one of its class begins a path of its own, so a
service has the same name however it was found. From each root the walk goes down as long as what grows is in a place
that was there already: that is the holder, and neither its owners nor the elements that it gained are told again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from harness.model.census import Census, Declaration, Growth, Place
from harness.model.verdict import Cause, Holder
from harness.sample.places import Node, ReadSource, locate, no_sources, path_of

SMALLEST_BYTES_PER_REQUEST = 4.0
_NEW_PER_REQUEST = 0.1
"""A place that is made for every tenth request or more often is part of what grows, not what holds it."""
_KEPT_PER_REQUEST = 0.5
_SHARE = 0.1
_WORTH_TELLING = 0.01
_CREDIBLE = 1.25
_LEAST_SHARED = 0.5
"""Below this share of what was counted the heap has shrunk elsewhere, and its growth doesn't bound anything."""

_CONNECTIONS = frozenset(
    [
        r"Socket",
        r"CurlHandle",
        r"CurlMultiHandle",
        r"PDO",
        r"mysqli",
        r"Redis",
        r"RedisCluster",
        r"PgSql\Connection",
        r"FTP\Connection",
        r"LDAP\Connection",
        r"Swoole\Coroutine\Socket",
        r"Swoole\Coroutine\Client",
        r"Swoole\Coroutine\Http\Client",
        r"SplFileObject",
    ]
)


def cause_of_holders(growths: Iterable[Growth]) -> Cause:
    """The cause that holds the largest share, but a timer kept by each request before what it keeps alive.

    "unknown" without holders: the heap is flat, or grows where no walk gets.
    """
    growths = tuple(growths)
    if any(growth.cause == "timer" and growth.holder.elements_per_request >= _KEPT_PER_REQUEST for growth in growths):
        return "timer"
    shares: dict[Cause, float] = defaultdict(float)
    for growth in growths:
        shares[growth.cause] += growth.holder.bytes_per_request
    return max(shares, key=lambda cause: shares[cause]) if shares else "unknown"


def growths_between(
    before: Census, after: Census, requests: int, *, read_source: ReadSource = no_sources
) -> tuple[Growth, ...]:
    """Every holder that grew between the censuses of one worker, which served `requests` in between.

    What the heap grew by and no walk can reach (stacks of suspended coroutines, callbacks of Swoole's timers, buffers
    of streams) counts for the things of that kind that became more. Strings and arrays that are shared are met more
    than once: no more is told than the heap grew by. Where a walk was stopped, what it hadn't reached looks like
    growth: then only places that both have met count, and none with more than the heap grew by.
    """
    tree = _Tree(before, after, requests)
    heap_growth_bytes = after.heap_bytes - before.heap_bytes
    tree.spread_hidden(heap_growth_bytes)
    held = sorted(tree.holders(), key=lambda found: -found[1])
    if not (before.complete and after.complete):
        held = [found for found in held if found[0].was_there and found[1] <= _CREDIBLE * heap_growth_bytes]
    told_bytes = sum(own_bytes for _, own_bytes in held)
    shared = heap_growth_bytes / told_bytes if _LEAST_SHARED * told_bytes <= heap_growth_bytes < told_bytes else 1.0
    return tuple(
        _growth(tree, node, own_bytes * shared, read_source)
        for node, own_bytes in held
        if own_bytes >= _WORTH_TELLING * told_bytes
    )


class _Tree:
    def __init__(self, before: Census, after: Census, requests: int) -> None:
        self.requests = max(1, requests)
        self.after = after
        self.declarations = {**before.declarations, **after.declarations}
        self._nodes: dict[tuple[int, str, str, str], Node] = {}
        single = _single_classes(before, after, self.declarations)
        self._add(before, -1.0, single)
        self._add(after, 1.0, single)

    @property
    def nodes(self) -> Iterable[Node]:
        return self._nodes.values()

    def spread_hidden(self, heap_growth_bytes: float) -> None:
        """Gives what the walk didn't see to the opaque things that became more, by their number."""
        hidden = heap_growth_bytes - sum(node.bytes for node in self.nodes)
        opaque = [node for node in self.nodes if self._gained(node, _NEW_PER_REQUEST) and self.is_opaque(node)]
        many = sum(node.instances for node in opaque)
        if hidden > 0 and many:
            for node in opaque:
                node.bytes += hidden * node.instances / many

    def holders(self) -> Iterator[tuple[Node, float]]:
        """Each with the bytes that it holds without those of holders below it."""
        for node in reversed(list(self.nodes)):
            node.below_bytes = node.bytes + sum(child.below_bytes for child in node.children)
        for node in self.nodes:
            if node.parent is None:
                yield from self._holders_in(node)

    def is_opaque(self, node: Node) -> bool:
        kind, _, name = node.place.holds.partition(" ")
        return kind in ("resource", "coroutine", "timer") or (kind == "object" and name not in self.declarations)

    def count(self, node: Node, wanted: Callable[[Node], bool]) -> float:
        """How many more there are per request, of what is wanted, in the node and below it."""
        return sum(each.instances for each in node.subtree() if wanted(each)) / self.requests

    def _holders_in(self, top: Node) -> Iterator[tuple[Node, float]]:
        waiting = [top]
        while waiting:
            node = waiting.pop()
            if node.below_bytes < SMALLEST_BYTES_PER_REQUEST * self.requests:
                continue
            inner = [child for child in node.children if self._stays(child) and self._matters(child)]
            waiting.extend(inner)
            own_bytes = node.below_bytes - sum(child.below_bytes for child in inner)
            if own_bytes >= max(SMALLEST_BYTES_PER_REQUEST * self.requests, _SHARE * node.below_bytes):
                yield node, own_bytes

    def _stays(self, node: Node) -> bool:
        return not self._gained(node, _NEW_PER_REQUEST)

    def _matters(self, node: Node) -> bool:
        return node.below_bytes >= SMALLEST_BYTES_PER_REQUEST * self.requests

    def _gained(self, node: Node, per_request: float) -> bool:
        return node.instances >= per_request * self.requests

    def _add(self, census: Census, sign: float, single: set[str]) -> None:
        nodes: list[Node | None] = [None]
        for place in census.places[1:]:
            begins = place.holds in single
            parent = None if begins else nodes[place.parent]
            node = self._node(parent, place._replace(kind="object", step="") if begins else place)
            node.was_there |= sign < 0
            node.instances += sign * place.instances
            node.elements += sign * place.elements
            node.bytes += sign * place.bytes
            nodes.append(node)

    def _node(self, parent: Node | None, place: Place) -> Node:
        key = (id(parent) if parent else 0, place.kind, place.step, place.holds)
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = Node(place, parent)
            if parent:
                parent.children.append(node)
        return node


def _single_classes(before: Census, after: Census, declarations: dict[str, Declaration]) -> set[str]:
    """`holds` of the app's classes that have one object at most in each census."""
    counts: dict[str, float] = defaultdict(float)
    for census in (before, after):
        here: dict[str, float] = defaultdict(float)
        for place in census.places:
            if place.holds.startswith("object "):
                here[place.holds] += place.instances
        for holds, count in here.items():
            counts[holds] = max(counts[holds], count)
    named = {f"object {name}" for name in declarations if "@anonymous" not in name}
    return {holds for holds, count in counts.items() if count <= 1 and holds in named}


def _growth(tree: _Tree, node: Node, own_bytes: float, read_source: ReadSource) -> Growth:
    located = locate(node, tree.declarations, tree.after.sources, read_source)
    gained = sum(child.instances for child in node.children if child.instances >= _KEPT_PER_REQUEST * tree.requests)
    if node.parent is None and node.place.holds in ("coroutine", "timer"):
        gained = node.instances
    holder = Holder(
        path=path_of(node),
        file=located.file if located else None,
        line=located.line if located else None,
        bytes_per_request=round(own_bytes / tree.requests, 2),
        elements_per_request=round((node.elements or gained) / tree.requests, 4),
    )
    return Growth(holder=holder, cause=_cause(tree, node))


def _cause(tree: _Tree, node: Node) -> Cause:
    """By what became more in the holder; where that is plain data, by what kind of place the holder is."""
    names = " ".join(each.place.step + " " + each.place.holds for each in node.ancestors()).lower()
    closures = tree.count(node, lambda each: each.place.holds.startswith("closure "))
    contents: tuple[tuple[Cause, bool], ...] = (
        ("timer", node.place.holds == "timer" or ("timer" in names and closures >= _KEPT_PER_REQUEST)),
        ("coroutine", tree.count(node, _is_coroutine) >= _KEPT_PER_REQUEST),
        ("resource", tree.count(node, _is_resource) >= _KEPT_PER_REQUEST),
        ("closure", closures >= _KEPT_PER_REQUEST),
    )
    return next((cause for cause, fits in contents if fits), None) or _cause_of_place(node)


def _cause_of_place(node: Node) -> Cause:
    for each in node.ancestors():
        if each.place.kind in ("captured", "this"):
            return "closure"
        if each.place.kind in ("coroutine", "context"):
            return "coroutine"
        if each.place.kind == "global":
            return "global"
        if each.place.kind in ("static", "variable"):
            return "static"
        if each.place.kind == "object" or (each.place.kind == "property" and not _in_plain_object(each)):
            return "singleton"
    return "unknown"


def _is_coroutine(node: Node) -> bool:
    return node.place.holds in ("coroutine", "object Fiber")


def _is_resource(node: Node) -> bool:
    kind, _, name = node.place.holds.partition(" ")
    return kind == "resource" or (kind == "object" and name in _CONNECTIONS)


def _in_plain_object(node: Node) -> bool:
    return node.parent is not None and node.parent.place.holds in ("object stdClass", "object ArrayObject")
