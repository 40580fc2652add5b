"""Sizes, durations and rates as people write them: "64MiB", "1m30s", "300/s"."""

from __future__ import annotations

import math
import re

_SIZE_UNITS = {
    "": 1,
    "b": 1,
    "k": 1024, "kb": 1000, "kib": 1024,
    "m": 1024**2, "mb": 1000**2, "mib": 1024**2,
    "g": 1024**3, "gb": 1000**3, "gib": 1024**3,
}  # fmt: skip
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RATE_PERIODS = {"s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}

_NUMBER = r"\d+(?:\.\d+)?"
_SIZE = re.compile(rf"({_NUMBER})\s*([a-z]*)", re.IGNORECASE)
_DURATION_PART = re.compile(rf"({_NUMBER})(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_NUMBER}(?:ms|s|m|h|d))+")
_RATE = re.compile(rf"({_NUMBER})\s*(?:/\s*([a-z]+))?", re.IGNORECASE)


def parse_size(text: str | int | float) -> int:
    """Bytes of "64MiB" (powers of 1024), "64MB" (powers of 1000), "64m" (Docker's 1024) or a plain number."""
    match = _SIZE.fullmatch(str(text).strip())
    if match is None or match[2].lower() not in _SIZE_UNITS:
        raise ValueError(f"{text!r} is not a size; write it like 64B, 512KiB or 1.5GiB")
    return round(_finite(float(match[1]) * _SIZE_UNITS[match[2].lower()], text))


def parse_duration(text: str | int | float) -> float:
    """Seconds of "90s", "1m30s", "500ms" or a plain number of seconds."""
    stripped = str(text).strip()
    if re.fullmatch(_NUMBER, stripped):
        return _finite(float(stripped), text)
    if not _DURATION.fullmatch(stripped):
        raise ValueError(f"{text!r} is not a duration; write it like 500ms, 90s or 1m30s")
    return _finite(sum(float(n) * _DURATION_UNITS[unit] for n, unit in _DURATION_PART.findall(stripped)), text)


def parse_rate(text: str | int | float) -> float:
    """Requests a second of "300/s", "1200/min" or a plain number."""
    match = _RATE.fullmatch(str(text).strip())
    period = (match[2] or "s").lower() if match else ""
    if match is None or period not in _RATE_PERIODS:
        raise ValueError(f"{text!r} is not a rate; write it like 300/s or 1200/min")
    return _finite(float(match[1]) / _RATE_PERIODS[period], text)


def format_size(size_bytes: float) -> str:
    """Bytes with a binary unit and three significant digits; the sign is kept."""
    magnitude = abs(size_bytes)
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if magnitude >= factor:
            scaled = size_bytes / factor
            return f"{scaled:.3g} {unit}" if abs(scaled) < 999.5 else f"{scaled:.0f} {unit}"
    return f"{size_bytes:.0f} B" if magnitude >= 10 or float(size_bytes).is_integer() else f"{size_bytes:.1f} B"


def format_duration(seconds: float) -> str:
    """A duration that `parse_duration` reads back: "850ms", "42s", "1m30s", "2h05m"."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f}s" if seconds < 10 and not float(seconds).is_integer() else f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s" if rest else f"{minutes}m"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours}h{minutes:02d}m" if minutes else f"{hours}h"


def _finite(value: float, text: object) -> float:
    if not math.isfinite(value) or value > 2**63:
        raise ValueError(f"{text!r} is too large")
    return value
