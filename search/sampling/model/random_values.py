"""Random values, more of them near the middle of a range than at its ends.

Who writes a range writes it around what is expected to do well, so that its middle is a better guess than its ends, as
a prior on the optimum is (Souza et al., ECML PKDD 2021; Hvarfner et al., ICLR 2022).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from search.sampling.model.encoding import axis

FIRST = 8
"""Trials before there is a model: the first stands in the middle of all ranges, the others lie near it."""
_NEAR = 0.6
"""Share of a range, in its logarithm where it is logarithmic, within which those lie."""


def random_value(of: BaseDistribution, number: int, rng: np.random.Generator) -> Any | None:
    """A value for the trial of this number; None for options, of which each is as good a guess as any other."""
    return axis("", of).value(_place(number, rng)) if isinstance(of, FloatDistribution | IntDistribution) else None


def _place(number: int, rng: np.random.Generator) -> float:
    if number == 0:
        return 0.5
    if number < FIRST:
        return 0.5 + _NEAR * (rng.random() - 0.5)
    return float(rng.random(2).mean())  # Anywhere in the range, most often in its middle.
