"""The course of a quantity, however long the run: few points, the first and the last of them true."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.live.curve import MOST_POINTS, NO_CURVE, Curve, sparkline

VALUES = st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=3000)


def drawn(values: list[int]) -> Curve:
    curve = NO_CURVE
    for value in values:
        curve = curve.with_value(value)
    return curve


@given(VALUES)
def test_a_curve_of_any_length_keeps_few_points_and_both_ends(values: list[int]) -> None:
    curve = drawn(values)
    assert len(curve.points) <= MOST_POINTS
    assert (curve.first, curve.last, curve.count) == (values[0], values[-1], len(values))
    assert curve.growth == values[-1] - values[0]
    assert list(curve.points) == values[:: curve.every]


@pytest.mark.parametrize(
    ("values", "width", "line"),
    [
        ([], 10, ""),
        ([5], 10, "▁"),
        ([5, 5, 5], 10, "▁▁▁"),
        ([0, 7], 10, "▁█"),
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
        ([0, 0, 7, 7], 2, "▁█"),
        ([3, 1, 2], 0, ""),
        ([-7, 0], 5, "▁█"),
    ],
)
def test_a_line_shows_the_lowest_and_the_highest(values: list[float], width: int, line: str) -> None:
    assert sparkline(values, width) == line


@given(st.lists(st.floats(-1e15, 1e15), max_size=600), st.integers(0, 200))
def test_a_line_is_never_wider_than_its_place(values: list[float], width: int) -> None:
    assert len(sparkline(values, width)) == min(width, len(values))
