"""What the screening saw, and what the censuses named, beside what the load found."""

from __future__ import annotations

from collections.abc import Mapping

from harness.model.verdict import EndpointVerdict, Naming, Screened, Verdict


def with_names(verdict: Verdict, names: Mapping[str, Naming]) -> Verdict:
    """The verdict with holders, and their cause where the growing channels had not told it already."""
    endpoints = tuple(_named(endpoint, names.get(endpoint.name)) for endpoint in verdict.endpoints)
    return verdict.model_copy(update={"endpoints": endpoints})


def _named(endpoint: EndpointVerdict, naming: Naming | None) -> EndpointVerdict:
    if naming is None or endpoint.verdict != "leak":
        return endpoint
    cause = naming.cause if naming.cause != "unknown" else endpoint.cause
    note = "; ".join(part for part in (endpoint.note, naming.remark) if part)
    return endpoint.model_copy(update={"holders": naming.holders, "cause": cause, "note": note})


def with_screening(loaded: Verdict, screened: Verdict) -> Verdict:
    """The verdict of the load with what the screening said of each endpoint; the load has the last word."""
    found = {endpoint.name: endpoint for endpoint in screened.endpoints}
    merged = tuple(_merged(endpoint, found.get(endpoint.name)) for endpoint in loaded.endpoints)
    return loaded.model_copy(update={"endpoints": merged})


def _merged(loaded: EndpointVerdict, screened: EndpointVerdict | None) -> EndpointVerdict:
    if screened is None or not screened.requests:
        return loaded
    seen = Screened(
        verdict=screened.verdict,
        typical_bytes_per_request=screened.typical_bytes_per_request or 0.0,
        requests=screened.requests,
        typical_error=screened.typical_error,
    )
    note = "; ".join(part for part in (loaded.note, _contradiction(loaded, screened)) if part)
    return loaded.model_copy(update={"screened": seen, "note": note})


def _contradiction(loaded: EndpointVerdict, screened: EndpointVerdict) -> str:
    typical = screened.typical_bytes_per_request or 0.0
    if loaded.verdict == "leak" and screened.verdict in ("clean", "bounded"):
        if loaded.channel == "php_heap":
            return "one request at a time keeps nothing: it takes load, volume or other endpoints to leak"
        return f"the screening called it {screened.verdict} by the PHP heaps, which native memory is no part of"
    if screened.verdict == "leak" and loaded.verdict in ("clean", "bounded"):
        return f"each of {screened.requests} requests kept {typical:.0f} B at first; under load that came to an end"
    return ""
