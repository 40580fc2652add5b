"""The randomisation test: exact where it says so, its level under every noise, and never from a design that can't."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pytest
from scipy import stats

from harness.analysis.columns import Indices
from harness.analysis.randomisation import Block, randomisation_p_value
from harness.analysis.redrawing import NEAR, with_randomisation
from harness.analysis.windows import Floats, WindowTable, window_table
from harness.load.schedule import Design
from harness.model.samples import Recording
from harness.model.verdict import EndpointVerdict, Verdict
from tests.unit.analysis.recordings import Machine, alone, appended, record
from tests.unit.analysis.runs import among_others, as_run, by_name, verdict
from tests.unit.analysis.simulate import table_of

RATE = 300.0
SETTLED_S = 0.03
THRESHOLD = 64.0
DRAWS = 300
Noise = Callable[[Floats, Floats, np.random.Generator], Floats]


def white(requests: Floats, lasted: Floats, draw: np.random.Generator) -> Floats:
    return np.asarray(np.diff(draw.normal(0, 2000, len(lasted) + 1)))


def walk(requests: Floats, lasted: Floats, draw: np.random.Generator) -> Floats:
    return np.asarray(draw.normal(0, 4000, len(lasted)) * np.sqrt(lasted))


def drift(requests: Floats, lasted: Floats, draw: np.random.Generator) -> Floats:
    return np.asarray(20_000 * lasted + np.diff(draw.normal(0, 300, len(lasted) + 1)))


def doublings(requests: Floats, lasted: Floats, draw: np.random.Generator) -> Floats:
    """Of the arrays of all endpoints but the first, somewhere between two doublings."""
    held = np.exp2(draw.uniform(5, 9, requests.shape[1])) + np.cumsum(requests, axis=0)
    room = np.exp2(np.ceil(np.log2(held)))
    return np.asarray(16.0 * np.diff(room, axis=0, prepend=room[:1])[:, 1:].sum(axis=1)) + white(requests, lasted, draw)


def drawn(endpoints: int, blocks: int, draw: np.random.Generator) -> tuple[Floats, Floats, Indices]:
    """Requests, lengths and blocks as a run draws them: windows grow, and the idle one is half as long."""
    rows, lasted, block = [], [], []
    for number in range(blocks):
        size = min(150, 20 << number)
        whole = draw.permutation(np.vstack([np.eye(endpoints) * size, np.zeros(endpoints)]))
        rows.append(whole)
        lasted += [(1.0 if row.any() else 0.5) * size / RATE + SETTLED_S for row in whole]
        block += [number] * len(whole)
    return np.vstack(rows), np.array(lasted), np.array(block)


def called_leaks(endpoints: Sequence[str]) -> Verdict:
    found = [
        EndpointVerdict(
            name=name, verdict="leak", bytes_per_request=0, ci95=(0, 0), p_value=0.0, requests=1, channel="php_heap"
        )
        for name in endpoints
    ]
    return Verdict(run_id="", outcome="leak", endpoints=tuple(found))


def p_value(table: WindowTable) -> float | None:
    """Of the first endpoint."""
    only = called_leaks(table.endpoints[:1])
    return with_randomisation(only, table, THRESHOLD).endpoints[0].randomisation_p_value


def p_values(noise: Noise, kept: float, *, endpoints: int, blocks: int, draws: int = DRAWS) -> Floats:
    draw, found = np.random.default_rng(7), []
    for _ in range(draws):
        requests, lasted, block = drawn(endpoints, blocks, draw)
        growth = requests @ np.array([kept, *[10.0] * (endpoints - 1)]) + noise(requests, lasted, draw)
        value = p_value(table_of(requests, growth, lasted, block))
        assert value is not None
        found.append(value)
    return np.array(found)


def pairs(noise: Floats, own: Sequence[int]) -> list[Block]:
    """Blocks of the endpoint's window and an idle one of the same length, whose growths are given (blocks, 2)."""
    return [Block(row, place, (1 - place,), 100.0, 1.0) for row, place in zip(noise, own, strict=True)]


def by_hand(differences: Floats) -> float:
    misfit = differences - differences.mean()
    return float(differences.sum() / np.sqrt(len(differences) * (misfit @ misfit) / (len(differences) - 1)))


def test_a_tiny_design_is_enumerated_as_by_hand() -> None:
    growth = np.array([[500.0, 20.0], [-10.0, 410.0], [610.0, 5.0], [50.0, 70.0], [330.0, 0.0]])
    own = (0, 1, 0, 0, 0)
    differences = growth[:, 0] - growth[:, 1]
    every = [by_hand(differences * np.array(signs)) for signs in product((1.0, -1.0), repeat=5)]
    observed = by_hand(differences * np.array([1, -1, 1, 1, 1]))
    expected = np.mean([statistic >= observed - 1e-9 for statistic in every])
    assert expected == 2 / 32
    assert randomisation_p_value(pairs(growth, own), rounding=0.0, seed=1) == expected


def test_with_idle_windows_alone_the_level_is_exact_whatever_the_growth_is() -> None:
    """Over all ways in which the same windows could have been drawn, no p-value comes more often than it says."""
    growth = np.exp(np.random.default_rng(3).normal(0, 2, (6, 2))) * 1000
    found = np.array(
        [randomisation_p_value(pairs(growth, own), rounding=0.0, seed=1) for own in product((0, 1), repeat=6)]
    )
    for level in np.arange(1, 65) / 64:
        assert np.mean(found <= level) <= level + 1e-12


def test_redrawn_at_random_the_p_value_is_near_that_of_all_redraws_and_follows_from_the_seed() -> None:
    draw = np.random.default_rng(5)
    blocks = [Block(draw.normal(0, 1000, 5) + np.array([900, 0, 0, 0, 0]), 0, (2, 4), 100.0, 1.5) for _ in range(2)]
    blocks.append(Block(draw.normal(0, 1000, 4) + np.array([0, 900, 0, 0]), 1, (3,), 50.0, 1.5))
    possible = 30 * 30 * 12
    exact = randomisation_p_value(blocks, rounding=4.0, seed=1, redraws=possible)
    first, second, other = (randomisation_p_value(blocks, rounding=4.0, seed=seed) for seed in (1, 1, 2))
    assert exact is not None
    assert first == second != other
    assert first == pytest.approx(exact, abs=4 * np.sqrt(exact / 999))


def test_a_design_that_cannot_reach_significance_has_no_p_value() -> None:
    growth = np.array([[1000.0, 0.0]] * 4)
    assert randomisation_p_value(pairs(growth, (0,) * 4), rounding=4.0, seed=1) is None
    assert randomisation_p_value([], rounding=4.0, seed=1) is None
    five = np.array([[1000.0, 0.0]] * 5)
    assert randomisation_p_value(pairs(five, (0,) * 5), rounding=4.0, seed=1) == 1 / 32


@pytest.mark.parametrize("noise", [white, walk, drift, doublings])
@pytest.mark.parametrize(("endpoints", "blocks"), [(3, 6), (8, 8)])
def test_at_the_threshold_small_p_values_are_as_rare_as_they_say(noise: Noise, endpoints: int, blocks: int) -> None:
    found = p_values(noise, THRESHOLD, endpoints=endpoints, blocks=blocks)
    for level in (0.01, 0.05, 0.2):
        assert np.count_nonzero(found <= level) <= stats.binom.ppf(0.999, DRAWS, level)


@pytest.mark.parametrize("noise", [white, walk, drift, doublings])
def test_a_leak_has_a_small_p_value(noise: Noise) -> None:
    found = p_values(noise, THRESHOLD + 200.0, endpoints=8, blocks=8, draws=50)
    assert np.mean(found <= 0.01) >= 0.9


def test_of_a_run_the_leak_has_one_and_its_clean_twin_needs_none() -> None:
    app = among_others(appended(640))
    found = by_name(verdict(app, as_run(app, confirm=["suspect"]), Machine(reading=1500.0)))
    assert found["suspect"].verdict == "leak"
    assert (found["suspect"].randomisation_p_value or 1.0) <= 0.001
    assert "randomisation" not in found["suspect"].note
    assert {one.randomisation_p_value for name, one in found.items() if one.p_value > NEAR} == {None}


@pytest.mark.parametrize("held", [700, 1500, 3000])
def test_the_doublings_of_a_leaks_own_array_do_not_hide_it(held: int) -> None:
    app = among_others(appended(104, held))
    found = by_name(verdict(app, as_run(app, confirm=["suspect"])))
    assert found["suspect"].verdict == "leak"
    assert (found["suspect"].randomisation_p_value or 1.0) <= 0.01


def tried(recording: Recording) -> list[float | None]:
    table = window_table(recording)
    told = with_randomisation(called_leaks(table.endpoints), table, THRESHOLD)
    return [endpoint.randomisation_p_value for endpoint in told.endpoints]


def test_windows_in_a_row_groups_and_recordings_without_a_schedule_were_not_drawn() -> None:
    app = among_others(appended(640))
    design = Design(1, len(app), 150, 0.5)
    groups = [window for block in range(8) for window in design.groups(block, range(len(app)), 2, 150)]
    drawn_in_blocks = record(app, as_run(app))
    unmarked = tuple(sample.model_copy(update={"window": None}) for sample in drawn_in_blocks.samples)
    assert tried(record(app, alone(app, 6))) == [None] * len(app)
    assert tried(record(app, groups)) == [None] * len(app)
    assert tried(drawn_in_blocks.model_copy(update={"samples": unmarked})) == [None] * len(app)
    assert None not in tried(drawn_in_blocks)


def test_a_leak_that_the_redrawn_order_does_not_confirm_says_so() -> None:
    requests, lasted, block = drawn(4, 8, np.random.default_rng(2))
    table = table_of(requests, white(requests, lasted, np.random.default_rng(3)), lasted, block)
    first, *_ = with_randomisation(called_leaks(table.endpoints), table, THRESHOLD).endpoints
    assert (first.randomisation_p_value or 0.0) > 0.05
    assert "doesn't confirm it" in first.note
