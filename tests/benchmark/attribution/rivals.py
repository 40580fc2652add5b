"""All competitors on the recordings that suit them."""

from __future__ import annotations

from collections.abc import Mapping

from tests.benchmark.attribution.claims import Claim
from tests.benchmark.attribution.lbr import linear_backward_regression
from tests.benchmark.attribution.precog import precog
from tests.benchmark.attribution.series import RivalRecordings
from tests.benchmark.attribution.trends import least_squares, mann_kendall, one_at_a_time

OURS = "hyperleak"
OURS_RESIDENT = "hyperleak, container memory alone"
OURS_GLS = "hyperleak, GLS"
OURS_RESIDENT_GLS = "hyperleak, GLS, container memory alone"
OURS_REDRAWN = "hyperleak, unless the randomisation test disagrees"
LEAST_SQUARES = "least squares on RSS, constant mix"
MANN_KENDALL = "Mann-Kendall and Sen on RSS, one endpoint at a time"
ONE_AT_A_TIME = "RSS before and after, one endpoint at a time"
LBR = "LBR on RSS, one endpoint at a time"
PRECOG = "Precog on RSS, one endpoint at a time"
RIVALS = (LEAST_SQUARES, MANN_KENDALL, ONE_AT_A_TIME, LBR, PRECOG)
METHODS = (OURS, OURS_GLS, OURS_REDRAWN, OURS_RESIDENT, OURS_RESIDENT_GLS, *RIVALS)


def rival_claims(recorded: RivalRecordings, threshold_bytes: float, confidence: float) -> Mapping[str, list[Claim]]:
    limit_bytes = recorded.memory_limit_bytes
    alpha = (1.0 - confidence) / max(1, len(recorded.alone))
    return {
        LEAST_SQUARES: least_squares(recorded.mix, threshold_bytes, confidence),
        MANN_KENDALL: [mann_kendall(alone, threshold_bytes, alpha) for alone in recorded.alone],
        ONE_AT_A_TIME: [one_at_a_time(alone, threshold_bytes) for alone in recorded.alone],
        LBR: [linear_backward_regression(alone, limit_bytes) for alone in recorded.alone],
        PRECOG: [
            precog(alone, before, limit_bytes) for alone, before in zip(recorded.alone, recorded.before, strict=True)
        ],
    }
