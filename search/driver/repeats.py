"""Which configurations are run again with another seed before a winner is named."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

LEADERS = 4
"""Configurations that get a second seed."""
LEAST = 2
"""Configurations that get every seed, however clear the lead."""


def next_round(values: Mapping[str, Sequence[float]], mode: str, repeats: int) -> list[str]:
    """Trial ids of the first runs whose configurations get one more seed now, best first; empty when all have enough.

    `values` holds the metric of each configuration's runs so far under the trial id of the first. The leading ones
    get a second seed; from then on one whose mean is further from the best mean than twice the standard error of
    that difference, with the spread pooled over the leading configurations, gets no more.
    """
    sign = 1 if mode == "max" else -1
    usable = [trial_id for trial_id in values if values[trial_id]]
    leaders = sorted(usable, key=lambda t: (-sign * values[t][0], t))[:LEADERS]
    if any(len(values[t]) < 2 for t in leaders):
        return [t for t in leaders if len(values[t]) < min(2, repeats)]
    ranked = sorted(leaders, key=lambda t: (-sign * fmean(values[t]), t))
    spread = _pooled_deviation([values[t] for t in ranked])
    near = [t for i, t in enumerate(ranked) if i < LEAST or _is_near(values[ranked[0]], values[t], spread)]
    return [t for t in near if len(values[t]) < repeats]


def _is_near(best: Sequence[float], other: Sequence[float], spread: float) -> bool:
    error = spread * math.sqrt(1 / len(best) + 1 / len(other))
    return abs(fmean(best) - fmean(other)) <= 2 * error


def _pooled_deviation(groups: Sequence[Sequence[float]]) -> float:
    degrees = sum(len(group) - 1 for group in groups)
    return math.sqrt(sum(stdev(group) ** 2 * (len(group) - 1) for group in groups) / degrees) if degrees else 0.0
