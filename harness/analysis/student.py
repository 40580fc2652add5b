"""Student's t from scipy.special, which imports in a tenth of the time of scipy.stats."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from harness.analysis.windows import Floats


def t_quantile(level: ArrayLike, freedom: ArrayLike) -> Floats:
    """What t stays below with probability `level`."""
    return np.asarray(special.stdtrit(freedom, level), dtype=float)


def t_tail(t: ArrayLike, freedom: ArrayLike) -> Floats:
    """The probability of a value above `t`."""
    return np.asarray(special.stdtr(freedom, -np.asarray(t)), dtype=float)
