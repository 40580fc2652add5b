"""Verdicts to show, keep and judge."""

from __future__ import annotations

from typing import Any

from harness.model.verdict import EndpointOutcome, EndpointVerdict, Outcome, Verdict


def endpoint(name: str = "GET /static", verdict: EndpointOutcome = "leak", **values: Any) -> EndpointVerdict:
    size = 652.0 if verdict == "leak" else 0.0
    standard: dict[str, Any] = {
        "bytes_per_request": size,
        "ci95": (size - 12, size + 12) if size else (0.0, 0.0),
        "p_value": 1e-9 if size else 1.0,
        "requests": 1523,
        "channel": "php_heap",
        "upper_limit_bytes_per_request": size + 20,
        "detectable_bytes_per_request": 25.0,
    }
    return EndpointVerdict(name=name, verdict=verdict, **(standard | values))


def verdict_of(*endpoints: EndpointVerdict, **values: Any) -> Verdict:
    found = {each.verdict for each in endpoints}
    outcome: Outcome = "leak" if "leak" in found else "inconclusive" if "inconclusive" in found else "clean"
    return Verdict(**({"run_id": "run-1", "outcome": outcome, "endpoints": endpoints} | values))
