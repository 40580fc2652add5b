"""What people write and what is written for them; the two agree."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.units import format_duration, format_size, parse_duration, parse_rate, parse_size


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("64", 64), (64, 64), ("64B", 64), ("64 b", 64), (" 1k ", 1024), ("1kB", 1000), ("1KiB", 1024),
        ("1.5MiB", 1_572_864), ("64m", 67_108_864), ("2GB", 2_000_000_000), ("1GiB", 2**30), (1.5, 2), ("0", 0),
    ],
)  # fmt: skip
def test_sizes_by_table(text: str | int | float, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90), ("1m30s", 90), ("500ms", 0.5), ("2h05m", 7500), ("1d", 86400), (42, 42), ("0.25", 0.25),
        ("1.5h", 5400),
    ],
)  # fmt: skip
def test_durations_by_table(text: str | int | float, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "per_second"), [("300/s", 300), ("1200/min", 20), ("3600 / h", 1), (50, 50), ("60/m", 1), ("7/sec", 7)]
)
def test_rates_by_table(text: str | int | float, per_second: float) -> None:
    assert parse_rate(text) == pytest.approx(per_second)


@pytest.mark.parametrize("parse", [parse_size, parse_duration, parse_rate])
@pytest.mark.parametrize(
    "text", ["", "-1", "ten", "1 parsec", "1e9x", "nan", "inf", "1.", ".5s", "5s 3", "9" * 30, "9" * 400]
)
def test_nonsense_is_refused_with_an_example_or_a_bound(parse: Callable[[str], float], text: str) -> None:
    with pytest.raises(ValueError, match=r"write it like|too large"):
        parse(text)


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_size, parse_duration, parse_rate):
        try:
            found = parse(text)
        except ValueError:
            continue
        assert 0 <= found <= 2**63


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 2**63))
def test_whole_bytes_are_read_exactly_up_to_what_a_float_holds(size_bytes: int) -> None:
    assert parse_size(size_bytes) == pytest.approx(size_bytes, rel=1e-15)
    assert size_bytes > 2**53 or parse_size(f"{size_bytes}B") == size_bytes


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 2**50))
def test_a_size_that_was_written_is_read_back_to_three_digits(size_bytes: int) -> None:
    assert parse_size(format_size(size_bytes)) == pytest.approx(size_bytes, rel=0.005, abs=0.5)


@settings(deadline=None, derandomize=True)
@given(st.floats(-1e15, 1e15))
def test_a_negative_size_is_the_positive_one_with_a_sign(size_bytes: float) -> None:
    assert format_size(-abs(size_bytes)).lstrip("-") == format_size(abs(size_bytes))


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"), (7, "7 B"), (7.25, "7.2 B"), (652.1, "652 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"),
        (1023.9 * 1024, "1024 KiB"), (999.7 * 1024, "1000 KiB"), (-2048, "-2 KiB"), (5.25 * 2**30, "5.25 GiB"),
        (2**50, "1048576 GiB"),
    ],
)  # fmt: skip
def test_sizes_are_written_by_table(size_bytes: float, text: str) -> None:
    assert format_size(size_bytes) == text


@settings(deadline=None, derandomize=True)
@given(st.floats(0, 1e7))
def test_a_duration_that_was_written_is_read_back(seconds: float) -> None:
    tolerance = 0.0006 if seconds < 1 else 0.051 if seconds < 10 else 0.51 if seconds < 3600 else 30.51
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=tolerance)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.85, "850ms"), (1, "1s"), (1.25, "1.2s"), (42, "42s"), (59.7, "1m"), (90, "1m30s"), (65, "1m05s"),
        (3599.6, "1h"), (7500, "2h05m"), (90_000, "25h"),
    ],
)  # fmt: skip
def test_durations_are_written_by_table(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
