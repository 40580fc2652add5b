"""One endpoint a window: the short way has to come out as the full matrix does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.columns import Floats
from harness.analysis.design import design_of
from harness.analysis.matrix import Matrix
from harness.analysis.numbers import median, weighted_median
from harness.analysis.solo import Solo


@st.composite
def alone(draw: st.DrawFn) -> tuple[Floats, Floats | None]:
    """Windows of one of three endpoints each, or idle, of different sizes, and their lengths."""
    numbers = np.random.default_rng(draw(st.integers(0, 10_000)))
    who = numbers.permutation(np.tile(np.arange(4), draw(st.integers(3, 8))))
    requests = np.zeros((len(who), 3))
    loaded = who < 3
    requests[loaded, who[loaded]] = numbers.choice([20, 150, 1250], int(loaded.sum()))
    return requests, numbers.uniform(0.4, 1.6, len(who)) if draw(st.booleans()) else None


@settings(deadline=None, derandomize=True, max_examples=40)
@given(windows=alone(), seed=st.integers(0, 1000))
def test_the_short_way_gives_what_the_matrix_gives(windows: tuple[Floats, Floats | None], seed: int) -> None:
    requests, time_s = windows
    short, full = design_of(requests, time_s), Matrix(requests, time_s)
    assert isinstance(short, Solo)
    draw = np.random.default_rng(seed)
    growth, weights, scales = draw.normal(0, 1e4, len(requests)), draw.uniform(0.1, 9, len(requests)), 100.0
    slopes = full.weighted(growth, weights)
    same(short.weighted(growth, weights), slopes)
    same(short.predicted(slopes), full.predicted(slopes))
    same(short.scales(growth), full.scales(growth))
    same(short.means(weights), full.means(weights))
    same(short.leverage(scales * weights), full.leverage(scales * weights))
    same(short.errors(weights, weights**2), full.errors(weights, weights**2))
    same(short.own, full.own)
    same(short.requests, full.requests)
    same(short.counts(weights > 4), full.counts(weights > 4))
    same(short.shares(weights > 4), full.shares(weights > 4))
    same(short.halved().predicted(np.arange(len(slopes) + 3.0)), full.halved().predicted(np.arange(len(slopes) + 3.0)))


def same(one: Any, other: Any) -> None:
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def test_windows_of_several_endpoints_need_the_matrix() -> None:
    assert isinstance(design_of(np.array([[1.0, 2.0], [0.0, 1.0], [3.0, 0.0]])), Matrix)
    assert isinstance(design_of(np.eye(3)), Solo)
    assert isinstance(design_of(np.eye(3), np.ones(3)), Matrix), "without idle windows time isn't told"


@settings(deadline=None, derandomize=True)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_medians_are_numpys(values: list[float]) -> None:
    assert median(np.array(values)) == pytest.approx(float(np.median(values)))
    assert weighted_median(np.array(values), np.ones(len(values))) == pytest.approx(float(np.median(values)))


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 5)), min_size=1, max_size=15))
def test_weights_count_as_so_many_values(pairs: list[tuple[int, int]]) -> None:
    values, weights = np.array(pairs, dtype=float).T
    repeated = np.repeat(values, weights.astype(int))
    assert weighted_median(values, weights) == pytest.approx(float(stats.scoreatpercentile(repeated, 50)), abs=1e-9)
