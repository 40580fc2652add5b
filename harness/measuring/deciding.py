"""Deciding every endpoint by the PHP heaps: suspects by themselves, the others in groups, pairs where it takes two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.analysis.decide import Settings
from harness.analysis.groups import PAIR_WINDOWS, driven_alone, growing_pairs, likely_pairs, never_still, unexplained
from harness.analysis.resident import FLAT
from harness.analysis.windows import WindowTable
from harness.load.schedule import FIRST_REQUESTS_OF_A_MEMBER, SMALLEST_WINDOW_REQUESTS
from harness.measuring.driving import LOOKS, Drive
from harness.model.verdict import Channel, EndpointVerdict, Verdict

# Groups are halves at first. Fewer endpoints than this are as soon driven by themselves; so are, of an app whose heaps
# were not screened, up to so many that suspects among them are as soon found.
PARTS = 2
FEWEST_GROUPED = 3
MOST_UNSCREENED_ALONE = 12
GROUP_BLOCKS = 4
GROUP_BLOCKS_MORE = 2
GROUP_DOUBLINGS = 2
# Of the members of groups, so large a share may be driven by itself before the groups are split.
SUSPECT_SHARE = 0.25
# By resident memory so many blocks are driven before the first look.
LEVEL_BLOCKS = 3
MOST_SUSPECTS = 4


@dataclass
class Decider:
    """`screened` is what the screening said, None where there was none."""

    drive: Drive
    screened: Verdict | None

    def decide(self, until_s: float) -> None:
        """Decides every endpoint on the PHP heap: groups clear most of them at once, so those come first."""
        alone = self._suspected()
        quiet = [e for e in range(self.drive.count) if e not in alone]
        if quiet:
            self._together(quiet, until_s)
        self.alone(alone, until_s)
        exonerated = [e for e in alone if self.drive.outcome(e) in FLAT]
        if quiet and exonerated:
            self._together(sorted([*exonerated, *quiet]), until_s)
        self.alone([e for e, own in enumerate(self._driven_alone()) if own and self._is_open(e)], until_s)

    def _suspected(self) -> list[int]:
        """Endpoints to be driven by themselves from the beginning: which the screening didn't see keep nothing."""
        every = range(self.drive.count)
        if self.screened is None:
            return list(every) if self.drive.count <= MOST_UNSCREENED_ALONE else []
        found = self.screened.endpoints
        suspected = [e for e in every if found[e].verdict != "clean" and _kept_something(found[e])]
        return list(every) if self.drive.count - len(suspected) < FEWEST_GROUPED else suspected

    def alone(self, endpoints: Iterable[int], until_s: float) -> None:
        """Blocks of a window each, small at first, until each endpoint is decided; a near decision may open again."""
        self._blocks(list(endpoints), until_s, SMALLEST_WINDOW_REQUESTS, 0, LOOKS[0])

    def level(self, endpoints: Iterable[int], until_s: float, first: int) -> None:
        """The same by resident memory, whose readings are off by as much after small windows as after large ones.

        So fewer and larger windows tell more in the same time.
        """
        self._blocks(list(endpoints), until_s, first, LOOKS[0] - LEVEL_BLOCKS, LEVEL_BLOCKS - 1)

    def _blocks(self, every: list[int], until_s: float, first: int, rounds: int, again: int) -> None:
        active = [e for e in every if self._is_open(e)]
        while active and not self.drive.over(until_s):
            requests = self.drive.grown(first, rounds, len(active), until_s, again)
            self.drive.drive(self.drive.paced(requests).block(self.drive.block, dict.fromkeys(active, requests)))
            rounds += 1
            if rounds in LOOKS:
                self.drive.look()
                active = [e for e in every if self._is_open(e)]

    def _together(self, quiet: list[int], until_s: float) -> None:
        """Windows of random groups until each endpoint is cleared; those that never stand still are driven alone."""
        parts, rounds, paired = PARTS, 0, False
        active = quiet
        while active and not self.drive.over(until_s):
            for _ in range(GROUP_BLOCKS_MORE if rounds else GROUP_BLOCKS):
                self._group_block(active, parts, rounds, until_s)
                rounds += 1
            self.drive.look()
            loud, few = self._loud(), max(MOST_SUSPECTS, SUSPECT_SHARE * len(active))
            if loud and (len(loud) <= few or 2 * parts > len(active)):
                self.alone(loud, until_s)
                parts = PARTS
            elif loud:
                parts *= 2
            elif not paired and self._unexplained():
                paired = True
                self._pairs(quiet, until_s)
            alone = self._driven_alone()
            active = [e for e in active if self._is_open(e) and not alone[e]]

    def _group_block(self, active: list[int], parts: int, rounds: int, until_s: float) -> None:
        if self.drive.over(until_s):
            return
        members = -(-len(active) // parts)
        requests = self.drive.grown(FIRST_REQUESTS_OF_A_MEMBER * members, min(rounds, GROUP_DOUBLINGS), parts, until_s)
        self.drive.drive(self.drive.paced(requests).groups(self.drive.block, active, parts, max(requests, members)))

    def _pairs(self, quiet: list[int], until_s: float) -> None:
        """More groups of all, until they tell whose company it takes; then windows of just the likeliest two."""
        for rounds in range(GROUP_BLOCKS):
            self._group_block(quiet, PARTS, GROUP_BLOCKS + rounds, until_s)
        for pair in likely_pairs(*self._evidence()):
            if self.drive.over(until_s) or growing_pairs(*self._evidence()):
                break
            self.drive.drive(self.drive.paced(self.drive.most).pair(self.drive.block, pair, PAIR_WINDOWS))
        self.drive.look()

    def _is_open(self, endpoint: int) -> bool:
        return self.drive.outcome(endpoint) == "inconclusive"

    def _driven_alone(self) -> list[bool]:
        return [bool(alone) for alone in driven_alone(self.drive.table())]

    def _loud(self) -> list[int]:
        return never_still(*self._evidence())

    def _unexplained(self) -> bool:
        return unexplained(*self._evidence()) > 1

    def _evidence(self) -> tuple[WindowTable, Channel, Settings, list[bool]]:
        flat = [found.verdict in FLAT or found.channel != "php_heap" for found in self.drive.look().endpoints]
        return self.drive.table(), "php_heap", self.drive.settings, flat


def _kept_something(screened: EndpointVerdict) -> bool:
    """Typically, or at times where it was asked often enough; who was hardly asked is no suspect."""
    return (screened.typical_bytes_per_request or 0.0) > 0 or screened.requests >= SMALLEST_WINDOW_REQUESTS
