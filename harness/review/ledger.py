"""Every growth and release of a program, by container."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from tree_sitter import Node

from harness.review.containers import Container
from harness.review.growth import Growth, Release, growths, releases
from harness.review.program import Program
from harness.review.syntax import CALLS, CLOSURES, called, of_type, within

_HARMLESS_CALLS = {"count", "array_pop", "array_shift", "strlen", "defer", "of", "is_null"}


@dataclass(frozen=True)
class Ledger:
    growths: dict[Container, list[Growth]]
    releases: dict[Container, list[Release]]

    def is_made_smaller(self, growth: Growth) -> bool:
        """By the function that made it grow, or by one that does nothing but make it smaller.

        What a function puts in and takes out again is its own: it takes out nothing of another's.
        """
        own = any(release.function is growth.function for release in self.releases[growth.container])
        return own or bool(self._by_others(growth))

    def skipped(self, growth: Growth) -> Node | None:
        """What would skip the only release of the growth, later in the same function, if it threw."""
        own = (release for release in self.releases[growth.container] if release.function is growth.function)
        after = [release.node for release in own if release.node.start_byte > growth.node.end_byte]
        if len(after) != 1 or self._by_others(growth) or growth.keys[-1] is not None:
            return None
        release, body = after[0], growth.function.body
        sure = ("finally_clause", "if_statement", *CLOSURES)
        if any(around.type in sure for around in within(release, body)):
            return None
        thrown = (node for node in of_type(body, *CALLS, "throw_expression") if _between(node, growth.node, release))
        return next((node for node in thrown if called(node) not in _HARMLESS_CALLS), None)

    def _by_others(self, growth: Growth) -> list[Release]:
        grow_in = {other.function for other in self.growths[growth.container]}
        return [release for release in self.releases[growth.container] if release.function not in grow_in]


def ledger_of(program: Program) -> Ledger:
    grown: dict[Container, list[Growth]] = defaultdict(list)
    released: dict[Container, list[Release]] = defaultdict(list)
    for function in program.functions:
        for growth in growths(program, function) if function.name else ():
            grown[growth.container].append(growth)
        for release in releases(program, function) if function.name else ():
            released[release.container].append(release)
    return Ledger(grown, released)


def _between(node: Node, growth: Node, release: Node) -> bool:
    holds_release = node.start_byte <= release.start_byte < node.end_byte
    return growth.end_byte <= node.start_byte < release.start_byte and not holds_release
