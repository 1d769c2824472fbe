"""Computes a smooth surface over two parameters, with how much is known of it at each place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular
from threadpoolctl import threadpool_limits

Values = NDArray[np.float64]

OTHER_CHOICE = 0.4
"""Correlation of two places that differ in a choice."""
LENGTHS = (0.12, 0.25, 0.5, 1.0)
NOISES = (1e-3, 0.03, 0.3)
MOST = 300
"""Number of points that are used; of more, a seeded sample is."""


def surface(points: Values, values: Values, grid: Values, discrete: Sequence[bool]) -> tuple[Values, Values]:
    """Return the expected value at each place of `grid`, and how much is known of it, from 0 (nothing) to 1.

    This is a Gaussian process with a squared exponential kernel (Rasmussen and Williams, "Gaussian Processes for
    Machine Learning", 2006, chapter 2); lengths and noise are those of LENGTHS and NOISES with the largest marginal
    likelihood. `points` and `grid` have shape (places, 2): shares of a range within 0 and 1, or numbers of a choice.
    """
    if len(points) > MOST:
        chosen = np.random.default_rng(0).choice(len(points), MOST, replace=False)
        points, values = points[chosen], values[chosen]
    mean, size = float(values.mean()), float(values.std()) or 1.0
    scaled = (values - mean) / size
    first = LENGTHS[:1] if discrete[0] else LENGTHS
    second = LENGTHS[:1] if discrete[1] else LENGTHS
    settings = list(product(first, second, NOISES))
    with threadpool_limits(1):  # Threads cost such small matrices more than they give.
        lengths = max(settings, key=lambda setting: _likelihood(points, scaled, discrete, setting))
        factor, weights = _solved(points, scaled, discrete, lengths)
        across = _kernel(grid, points, discrete, lengths)
        left = 1 - (solve_triangular(factor, across.T, lower=True) ** 2).sum(axis=0)
    return mean + size * across @ weights, np.clip(1 - left, 0, 1)


def _kernel(left: Values, right: Values, discrete: Sequence[bool], setting: tuple[float, float, float]) -> Values:
    found = np.ones((len(left), len(right)))
    for axis in (0, 1):
        apart = left[:, axis][:, None] - right[:, axis][None]
        same = np.where(np.abs(apart) < 0.5, 1.0, OTHER_CHOICE)
        found *= same if discrete[axis] else np.exp(-0.5 * (apart / setting[axis]) ** 2)
    return found


def _solved(
    points: Values, values: Values, discrete: Sequence[bool], setting: tuple[float, float, float]
) -> tuple[Values, Values]:
    """Return the Cholesky factor of the points' covariance, and the weights of their values."""
    covariance = _kernel(points, points, discrete, setting) + setting[2] * np.eye(len(points))
    factor = np.linalg.cholesky(covariance)
    weights = cho_solve((factor, True), values)
    return np.asarray(factor, dtype=np.float64), np.asarray(weights, dtype=np.float64)


def _likelihood(points: Values, values: Values, discrete: Sequence[bool], setting: tuple[float, float, float]) -> float:
    """Return the logarithm of the marginal likelihood, apart from a constant."""
    factor, weights = _solved(points, values, discrete, setting)
    return float(-0.5 * values @ weights - np.log(np.diag(factor)).sum())
