"""The users of one Locust process and the gate where they wait between the windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

import gevent
from gevent.event import AsyncResult

from harness.errors import HyperleakError, LoadError
from harness.load.catalogue import Catalogue
from harness.load.messages import Share
from harness.load.tally import Counts, Tally
from harness.load.tickets import Ticket, tickets
from harness.load.visitor import Visitor
from harness.model.load import LoadSpec


class Window:
    """This process's part of a window of load; `following` is set to the next one when that opens.

    Users take tickets in the order of their release and hold each until its time, so at most as many requests are in
    flight as there are users, and none when `ended` is set: every ticket has its outcome.
    """

    def __init__(self, endpoints: int, own: Sequence[Ticket]) -> None:
        self.following = AsyncResult()
        self.ended = AsyncResult()
        self._tally = Tally(endpoints)
        self._tickets = iter(own)
        self._missing = len(own)
        self._start = perf_counter()
        if not own:
            self.ended.set(self._tally.counts(load_s=0.0))

    def work(self, visitor: Visitor) -> None:
        """One user's part: takes tickets until there are none left."""
        try:
            for ticket in self._tickets:
                self._hold(ticket)
                self._tally.add(ticket.endpoint, *visitor.send(ticket))
                self._missing -= 1
                if not self._missing:
                    self.ended.set(self._tally.counts(perf_counter() - self._start))
        except Exception as error:
            self.ended.set_exception(error)

    def _hold(self, ticket: Ticket) -> None:
        if ticket.release_s:
            early_s = self._start + ticket.release_s - perf_counter()
            if early_s > 0:
                gevent.sleep(early_s)


class Crew:
    """`on_ready` is called with the number of users that are ready, `on_error` if one can't be."""

    def __init__(self, on_ready: Callable[[int], None], on_error: Callable[[HyperleakError], None]) -> None:
        self._on_ready = on_ready
        self._on_error = on_error
        self._begun = AsyncResult()
        self._window = Window(0, ())
        self._entered = 0
        self._ready = 0

    def begin(self, spec: LoadSpec, crew: int = 0) -> None:
        """Lets the users enter; this is the `crew`-th of the spec's processes."""
        self._spec, self._crew = spec, crew
        try:
            self._begun.set(Catalogue(spec))
        except HyperleakError as error:
            self._on_error(error)

    def enter(self) -> tuple[Visitor, Window]:
        """A new user, logged in, and the window after which his work begins. Waits for `begin`."""
        catalogue: Catalogue = self._begun.get()
        number = self._entered * (self._spec.workers + self._spec.remote_workers) + self._crew
        self._entered += 1
        visitor = Visitor(self._spec, catalogue)
        try:
            visitor.log_in(number)
        except Exception as error:
            self._on_error(error if isinstance(error, HyperleakError) else _unexpected("a login", error))
            raise
        self._ready += 1
        self._on_ready(self._ready)
        return visitor, self._window

    def run(self, share: Share) -> Counts:
        """Opens the window and waits for its end. Raises HyperleakError if a request can't be made."""
        own = list(tickets(self._spec.seed, share.order, share.slots, share.issued))
        opened = Window(len(self._spec.endpoints), own)
        self._window, before = opened, self._window
        before.following.set(opened)
        try:
            counts: Counts = opened.ended.get()
        except HyperleakError:
            raise
        except Exception as error:
            raise _unexpected(f"window {share.order.index}", error) from error
        return counts


def _unexpected(where: str, error: Exception) -> LoadError:
    return LoadError(f"{where} failed in Locust: {error!r}", hint="its log has more")
