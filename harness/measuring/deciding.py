"""Deciding every endpoint by the PHP heaps: suspects by themselves, the others in groups, pairs where it takes two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.analysis.decide import Settings
from harness.analysis.groups import (
    MOST_PAIRS,
    PAIR_WINDOWS,
    driven_alone,
    growing_pairs,
    likely_pairs,
    never_still,
    unexplained,
)
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
# So large a part of the time for requests in volume goes to all of them; what is left finds who of them leaks.
VOLUME_TIME_SHARE = 0.5


@dataclass
class Decider:
    """`screened` is what the screening said, None where there was none.

    Groups tell of what begins late by the windows from `since` on, in endpoints that had been `cleared`.
    """

    drive: Drive
    screened: Verdict | None
    since: int = 0
    cleared: tuple[int, ...] = ()

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
        self._finish(range(self.drive.count), until_s)
        self.since, self.cleared = len(self.drive.table()), tuple(self._flat())

    def at_volume(self, enough: float, until_s: float) -> None:
        """Up to so many requests for each endpoint that seems to keep nothing, since some leaks begin only then."""
        self.follow(until_s)
        quiet = self._flat()
        sent = self.drive.table().requests.sum(axis=0)
        lacking = enough - min((float(sent[e]) for e in quiet), default=enough)
        in_time = VOLUME_TIME_SHARE * (until_s - self.drive.session.elapsed_s) * self.drive.rate() / max(1, len(quiet))
        each = round(min(lacking, in_time) / GROUP_BLOCKS)
        if each >= FIRST_REQUESTS_OF_A_MEMBER:
            for _ in range(GROUP_BLOCKS):
                self._volume_block(quiet, each, until_s)
        self.follow(until_s)

    def follow(self, until_s: float) -> None:
        """Looks for who it was, where later windows, the mix among them, kept what nobody is known to keep."""
        alone = self._driven_alone()
        open_again = [e for e in range(self.drive.count) if self._is_open(e) and (e in self.cleared or not alone[e])]
        beyond = self.drive.look().unattributed_bytes_per_request > 0 and not growing_pairs(*self._evidence())
        if open_again or beyond or self._unexplained(self.since):
            quiet = sorted({*open_again, *self._flat()})
            each = max(FIRST_REQUESTS_OF_A_MEMBER, PARTS * self.drive.most // max(1, len(quiet)))
            self._again(quiet, each, until_s)

    def _volume_block(self, quiet: list[int], each: int, until_s: float) -> None:
        if len(quiet) >= FEWEST_GROUPED:
            self._group_block(quiet, PARTS, 0, until_s, each)
        elif quiet and not self.drive.over(until_s):
            requests = self.drive.grown(each, 0, len(quiet), until_s)
            self.drive.drive(self.drive.paced(requests).block(self.drive.block, dict.fromkeys(quiet, requests)))

    def _again(self, quiet: list[int], each: int, until_s: float) -> None:
        """What is driven from here on speaks for itself: by groups, or one by one where there are only few."""
        self.since = len(self.drive.table())
        if len(quiet) >= FEWEST_GROUPED:
            self._together(quiet, until_s, each)
        else:
            self.alone(quiet, until_s)
        self._finish(quiet, until_s)
        self.since = len(self.drive.table())

    def _finish(self, endpoints: Iterable[int], until_s: float) -> None:
        """Those of them that were driven alone, and are open again."""
        alone = self._driven_alone()
        self.alone([e for e in endpoints if alone[e] and self._is_open(e)], until_s)

    def _flat(self) -> list[int]:
        return [e for e in range(self.drive.count) if self.drive.outcome(e) in FLAT]

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

    def _together(self, quiet: list[int], until_s: float, each: int | None = None) -> None:
        """Windows of random groups until each endpoint is cleared; those that never stand still are driven alone.

        Each gets `each` requests a block; without, few at first.
        """
        parts, rounds, paired = PARTS, 0, False
        active = quiet
        while active and not self.drive.over(until_s):
            before = active
            for _ in range(GROUP_BLOCKS_MORE if rounds else GROUP_BLOCKS):
                self._group_block(active, parts, rounds, until_s, each)
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
                self._pairs(quiet, until_s, each)
            active = self._ungrouped(active)
            if len(active) < FEWEST_GROUPED or (active == before and len(active) <= MOST_SUSPECTS):
                self.alone(active, until_s)
                active = []
        if not paired and self._unexplained():
            self._pairs(quiet, until_s, each)

    def _ungrouped(self, active: list[int]) -> list[int]:
        """Those that groups have to decide still."""
        alone = self._driven_alone()
        return [e for e in active if self._is_open(e) and not alone[e]]

    def _group_block(self, active: list[int], parts: int, rounds: int, until_s: float, each: int | None) -> None:
        if self.drive.over(until_s):
            return
        members = -(-len(active) // parts)
        if each is None:
            first, doublings = FIRST_REQUESTS_OF_A_MEMBER, min(rounds, GROUP_DOUBLINGS)
        else:
            first, doublings = each, 0
        requests = self.drive.grown(first * members, doublings, parts, until_s)
        self.drive.drive(self.drive.paced(requests).groups(self.drive.block, active, parts, max(requests, members)))

    def _pairs(self, quiet: list[int], until_s: float, each: int | None) -> None:
        """More groups of all, until they tell whose company it takes; then windows of just the likeliest two, and of
        each of them by itself, since whoever grows alone needs no company.
        """
        alone = self._driven_alone()
        company = [e for e in quiet if self.drive.outcome(e) in FLAT or not alone[e]]
        for rounds in range(GROUP_BLOCKS):
            self._group_block(company, PARTS, GROUP_BLOCKS + rounds, until_s, each)
        for _ in range(MOST_PAIRS):
            pairs = likely_pairs(*self._evidence())
            if not pairs or self.drive.over(until_s) or growing_pairs(*self._evidence()):
                break
            alone = self._driven_alone()
            self.alone([e for e in pairs[0] if not alone[e]], until_s)
            if all(self.drive.outcome(e) in FLAT for e in pairs[0]):
                self.drive.drive(self.drive.paced(self.drive.most).pair(self.drive.block, pairs[0], PAIR_WINDOWS))
        self.drive.look()

    def _is_open(self, endpoint: int) -> bool:
        return self.drive.outcome(endpoint) == "inconclusive"

    def _driven_alone(self) -> list[bool]:
        return [bool(alone) for alone in driven_alone(self.drive.table())]

    def _loud(self) -> list[int]:
        return never_still(*self._evidence(), self.since)

    def _unexplained(self, since: int = 0) -> bool:
        return unexplained(*self._evidence(), since) > 1

    def _evidence(self) -> tuple[WindowTable, Channel, Settings, list[bool]]:
        flat = [found.verdict in FLAT or found.channel != "php_heap" for found in self.drive.look().endpoints]
        return self.drive.table(), "php_heap", self.drive.settings, flat


def _kept_something(screened: EndpointVerdict) -> bool:
    """Typically, or at times where it was asked often enough; who was hardly asked is no suspect."""
    return (screened.typical_bytes_per_request or 0.0) > 0 or screened.requests >= SMALLEST_WINDOW_REQUESTS
