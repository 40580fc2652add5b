"""Runs kept in a results folder, without measuring anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harness.analysis.student import t_quantile
from harness.model.verdict import EndpointVerdict
from tests.unit.verdicts import endpoint, verdict_of

FIRST_NIGHT = datetime(2026, 1, 1, 2, 0, tzinfo=UTC)
ENVIRONMENT: dict[str, Any] = {
    "target": {"kind": "image", "architecture": "x86_64", "php_version": "8.2.29", "php_processes": 3},
    "schedule": {"kind": "attribution", "rate": 300.0, "users": 8, "threshold_bytes": 64.0},
}


def measured(name: str, size: float, error: float = 5.0, **values: Any) -> EndpointVerdict:
    """An endpoint that kept `size` bytes a request, with this standard error and many windows."""
    leaks = size - 3 * error > 64
    half = error * float(t_quantile(0.975, values.get("freedom", 30.0)))
    given: dict[str, Any] = {
        "bytes_per_request": size,
        "ci95": (size - half, size + half),
        "typical_bytes_per_request": size,
        "typical_error": error,
        "freedom": 30.0,
    }
    return endpoint(name, values.pop("verdict", "leak" if leaks else "clean"), **(given | values))


def keep(
    results: Path,
    *endpoints: EndpointVerdict,
    night: int = 0,
    scenario: str = "shop",
    revision: str = "abc1234",
    **values: Any,
) -> Path:
    """A run folder with its record, so many nights after the first."""
    stamp = f"{FIRST_NIGHT + timedelta(days=night):%Y%m%dT%H%M%SZ}"
    identity = f"{night:06x}"
    folder = results / scenario / f"{stamp}-{revision}-{identity}"
    folder.mkdir(parents=True)
    verdict = verdict_of(
        *endpoints,
        **({"run_id": f"{scenario}-{stamp.lower()}-{identity}", "environment": ENVIRONMENT} | values),
    )
    (folder / "record.json").write_text(json.dumps(verdict.model_dump(mode="json")))
    return folder


def keep_nights(results: Path, name: str, sizes: Sequence[float], **values: Any) -> list[Path]:
    """A run a night with one endpoint, and a clean one beside it."""
    return [
        keep(results, measured(name, size, 1.0), measured("GET /clean", 0.0, 0.1), night=night, **values)
        for night, size in enumerate(sizes)
    ]


def environment(**target: Any) -> dict[str, Any]:
    """The usual environment with other values of the target."""
    return ENVIRONMENT | {"target": ENVIRONMENT["target"] | target}
