"""What a verdict means to the caller of the command; the codes themselves are a contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.errors import InputError, Interrupted, MeasureError
from harness.model.target import TargetState
from harness.model.verdict import EndpointOutcome, Verdict

CLEAN = 0
LEAK = 1
BAD_INPUT = InputError.exit_code
INCONCLUSIVE = 3
COULD_NOT_MEASURE = MeasureError.exit_code
INTERRUPTED = Interrupted.exit_code

_WORST_FIRST = (INTERRUPTED, LEAK, BAD_INPUT, COULD_NOT_MEASURE, INCONCLUSIVE)
_OF_OUTCOME = {"leak": LEAK, "clean": CLEAN, "inconclusive": INCONCLUSIVE}
_FOR_BISECT = {CLEAN: 0, LEAK: 1, INCONCLUSIVE: 125, COULD_NOT_MEASURE: 125, BAD_INPUT: 128}


def of_verdict(verdict: Verdict, expected: Mapping[str, EndpointOutcome], ended: TargetState | None = None) -> int:
    """The code of one run. A target that died at its memory limit is a result, one that died otherwise isn't.

    A leak of all endpoints together can't be expected of any of them, so it is never as expected.
    """
    if ended is not None and not ended.oom_kills:
        return COULD_NOT_MEASURE
    if not expected:
        return _OF_OUTCOME[verdict.outcome]
    unlike = surprises(verdict, expected)
    if any(found != "inconclusive" for found in unlike.values()):
        return LEAK
    together = verdict.outcome == "leak" and not any(e.verdict == "leak" for e in verdict.endpoints)
    return INCONCLUSIVE if unlike else LEAK if together else CLEAN


def surprises(verdict: Verdict, expected: Mapping[str, EndpointOutcome]) -> dict[str, EndpointOutcome]:
    """Endpoints whose verdict isn't the expected one; those that nothing is said of are expected not to leak."""
    unlike: dict[str, EndpointOutcome] = {}
    for endpoint in verdict.endpoints:
        wanted = expected.get(endpoint.name)
        as_wanted = endpoint.verdict == wanted if wanted else endpoint.verdict not in ("leak", "inconclusive")
        if not as_wanted:
            unlike[endpoint.name] = endpoint.verdict
    return unlike


def worst(codes: Iterable[int]) -> int:
    """One code for several runs: a leak that was found outweighs a run that could not be made."""
    given = set(codes)
    return next((code for code in _WORST_FIRST if code in given), CLEAN)


def for_bisect(code: int) -> int:
    """The answer to `git bisect run`: 0 good, 1 bad, 125 can't be tested, 128 stop."""
    return _FOR_BISECT.get(code, 128)
