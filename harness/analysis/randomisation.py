"""The randomisation test of the order in which windows really were drawn.

R. A. Fisher, "The Design of Experiments", 1935, chapter 3; E. S. Edgington and P. Onghena, "Randomization Tests", 4th
edition, 2007. Within each block the order of the windows is a uniform permutation, so who had which place is redrawn
and the statistic computed again. It is studentised (E. Chung and J. P. Romano, "Exact and asymptotically robust
permutation tests", Ann. Statist. 41, 2013): a plain one breaks its level where an endpoint's own growth varies.

What is assumed under "keeps exactly the threshold with every request": what a window grew by beyond that, beyond what
the other endpoints keep a request and beyond growth by time belongs to its place in the block, whoever was driven
there. With only idle windows beside the endpoint, as long as its own, nothing is estimated and the test is exact. What
the others keep is estimated, and windows that last longer may vary more: then the level holds nearly, not exactly.
Which blocks there were, and how large their windows, is taken as given although earlier blocks decided it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np

from harness.analysis.columns import Floats, Indices
from harness.analysis.regression import MAD_TO_SIGMA

REDRAWS = 999
# A design whose every redraw together can't make a smaller p-value than this says nothing.
REACHED = 0.05
# In robust standard deviations.
OUTLIER_SCALES = 3.0
# What rounding errors make of two statistics that are the same.
TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Block:
    """k windows of one block, in any order.

    `noise` (k,) bytes: what each grew by beyond its expectation under the null hypothesis. `own` is the place of the
    endpoint's window, `idle` (m,) those of the idle ones. `requests` of the endpoint's window, which lasted `stretch`
    times as long as an idle one in the mean.
    """

    noise: Floats
    own: int
    idle: tuple[int, ...]
    requests: float
    stretch: float

    @property
    def redraws(self) -> int:
        """In how many ways the places of the endpoint's and of the idle windows can be drawn."""
        return len(self.noise) * math.comb(len(self.noise) - 1, len(self.idle))


def randomisation_p_value(
    blocks: Sequence[Block], *, rounding: float, seed: int, redraws: int = REDRAWS
) -> float | None:
    """One-sided, of "keeps no more than the threshold"; small where the endpoint's windows grew beyond it.

    All redraws are made where there are no more than `redraws`, else so many at random from `seed`, of which the
    p-value is (1 + at least as extreme) / (1 + all). `rounding` (bytes) is the error of a window's growth that is there
    even where all are the same. None where the design can't reach a p-value of `REACHED`.
    """
    possible = math.prod(block.redraws for block in blocks)
    if len(blocks) < 2 or possible < 1.0 / REACHED:
        return None
    observed = _statistics(blocks, [_drawn(block) for block in blocks], rounding)[0]
    bound = observed - TIE * abs(observed)
    if possible <= redraws:
        return float(np.mean(_statistics(blocks, _every(blocks), rounding) >= bound))
    draw = np.random.default_rng(seed)
    again = _statistics(blocks, [_redrawn(block, redraws, draw) for block in blocks], rounding)
    return float(1 + np.count_nonzero(again >= bound)) / (1 + redraws)


def without_outliers(noise: Floats, rounding: float) -> Floats:
    """What lies beyond `OUTLIER_SCALES` is moved there; `rounding` as in `randomisation_p_value`."""
    reach = OUTLIER_SCALES * max(MAD_TO_SIGMA * float(np.median(np.abs(noise))), rounding)
    return np.clip(noise, -reach, reach)


def _drawn(block: Block) -> Indices:
    """The places as they were drawn (1, 1 + m): the endpoint's, then the idle ones'."""
    return np.array([(block.own, *block.idle)])


def _redrawn(block: Block, redraws: int, draw: np.random.Generator) -> Indices:
    """The same drawn again (redraws, 1 + m), by the first steps of a shuffle (R. Durstenfeld, Comm. ACM 7, 1964)."""
    places, rows = np.tile(np.arange(len(block.noise)), (redraws, 1)), np.arange(redraws)
    for step in range(1 + len(block.idle)):
        chosen = draw.integers(step, len(block.noise), redraws)
        places[rows, chosen], places[:, step] = places[:, step].copy(), places[rows, chosen]
    return places[:, : 1 + len(block.idle)]


def _every(blocks: Sequence[Block]) -> list[Indices]:
    """All redraws, for each block (redraws, 1 + m)."""
    together = list(product(*map(_ways, blocks)))
    return [np.array([way[place] for way in together]) for place in range(len(blocks))]


def _ways(block: Block) -> Iterator[tuple[int, ...]]:
    places = range(len(block.noise))
    for own in places:
        others = [place for place in places if place != own]
        yield from ((own, *idle) for idle in combinations(others, len(block.idle)))


def _statistics(blocks: Sequence[Block], places: Sequence[Indices], rounding: float) -> Floats:
    """Of each redraw the larger one of two: of all growth, and of what is left where each block's outliers are cut off.

    A leak in a growing array jumps rarely and far, which hides its steady part from the first; jumps only add to that.
    """
    steady = [replace(block, noise=without_outliers(block.noise, rounding)) for block in blocks]
    return np.maximum(_studentised(blocks, places, rounding), _studentised(steady, places, rounding))


def _studentised(blocks: Sequence[Block], places: Sequence[Indices], rounding: float) -> Floats:
    """The endpoint's whole growth beyond the null's, over its error as the blocks' differences tell it.

    A block's difference is that of the endpoint's window to an idle one of the same length, so that growth by time
    alone goes out. The error is that of a ratio estimator (W. G. Cochran, "Sampling Techniques", 1977, chapter 6).
    """
    pairs = list(zip(blocks, places, strict=True))
    differences = np.array(
        [b.noise[at[:, 0]] - b.stretch * b.noise[at[:, 1:]].mean(axis=1) for b, at in pairs], dtype=float
    )
    requests = np.array([block.requests for block in blocks])
    floor = sum(1.0 + block.stretch**2 / len(block.idle) for block in blocks) * rounding**2
    whole = differences.sum(axis=0)
    misfit = differences - np.outer(requests, whole / requests.sum())
    squares = len(blocks) / (len(blocks) - 1.0) * (misfit**2).sum(axis=0)
    return np.asarray(whole / np.sqrt(squares + floor))
