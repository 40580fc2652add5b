"""Harmless requests that make idle workers run PHP: what wakes the probe in them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from harness.load.catalogue import Catalogue
from harness.load.single import SingleVisitor
from harness.model.load import Endpoint, LoadSpec, Request

POKE = "poke"


def with_poke(spec: LoadSpec, path: str) -> LoadSpec:
    """The same spec with one endpoint more, the last: a GET of `path` without templates."""
    poke = Endpoint(name=POKE, request=Request(path=path))
    return spec.model_copy(update={"endpoints": (*spec.endpoints, poke)})


class Poker:
    """Calling it sends one request, over the next of its connections, which are kept.

    They stay with the workers that took them, so a few turns reach every worker that has one; a broken one (its worker
    was recycled) is made anew. A login isn't made: the path has to answer without.
    """

    def __init__(self, spec: LoadSpec, path: str, connections: int) -> None:
        self._spec = with_poke(spec.model_copy(update={"endpoints": (), "login": None}), path)
        self._catalogue = Catalogue(self._spec)
        self._visitors = [SingleVisitor(self._spec, self._catalogue, user) for user in range(connections)]
        self._turn = 0

    def __call__(self) -> None:
        self._visitors[self._turn % len(self._visitors)].send(0, self._turn)
        self._turn += 1

    def spread(self) -> None:
        """Other connections, made all at once: one after the other they may all be taken by the same idle worker."""
        self.close()
        with ThreadPoolExecutor(len(self._visitors)) as pool:
            list(pool.map(lambda visitor: visitor.send(0, self._turn), self._visitors))

    def close(self) -> None:
        for visitor in self._visitors:
            visitor.close()
