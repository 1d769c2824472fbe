"""What `mfgp`'s model of curves says of a trial that was begun, and what it promises for the epochs that it costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from search.sampling.model import gaussian_process
from search.sampling.model.encoding import Array
from search.sampling.model.gaussian_process import Observations, Posterior, Process

_JITTER = 1e-6
_POINTS = ndtri((np.arange(24) + 0.5) / 24)[::-1]
"""Quantiles of a normal distribution, the highest first: what a trial may be found to be worth at a rung."""
NONE = -1
"""The training of a configuration that has not been begun."""


class CurveModel:
    """The posterior of the process with what is particular to each training, which the product's leaves out."""

    def __init__(self, process: Process, seen: Observations, inverse: Array | None = None) -> None:
        """`inverse`: of the Cholesky factor of the observations' kernel, where it is known."""
        self.process, self.seen = process, seen
        self.posterior: Posterior = process.posterior(seen) if inverse is None else _posterior(process, seen, inverse)
        parts = np.exp(process.theta[-5:])
        self._always, self._now, self._decay, self._training, self.noise = (float(part) for part in parts)

    def predict(self, features: Array, time: Array, training: Any) -> tuple[Array, Array, Array]:
        """Means, what the observations explain (a column a row), and variances, of rows of any time and training."""
        explained = self.posterior._inverse @ self._across(features, time, training).T
        variance = self.between(time, time) - (explained**2).sum(axis=0)
        mean = self._across(features, time, training) @ self.posterior._alpha
        return mean, explained, np.maximum(variance, 1e-9)

    def between(self, left: Array, right: Array) -> Array:
        """The prior covariance of the scores of one training at two times."""
        apart = np.abs(left - right)
        bend = gaussian_process._BEND * np.exp(-gaussian_process._BEND_DECAY * apart)
        mean = gaussian_process._MEAN + gaussian_process._SLOPE * left * right + bend
        return np.asarray(self._always + self._now * np.exp(-self._decay * apart) + mean + self._training)

    def expecting(self, features: Array, time: Array, training: Any) -> CurveModel:
        """The model as if it had observed what it expects there."""
        mean, below, _ = self.predict(features, time, training)
        kernel = self.process._between(features, time, features, time, self.seen.groups)
        kernel += self._training * (training[:, None] == training[None, :]) + (self.noise + _JITTER) * np.eye(len(mean))
        corner = np.linalg.inv(np.linalg.cholesky(kernel - below.T @ below))
        old, count = self.posterior._inverse, len(self.seen.score)
        inverse = np.zeros((count + len(mean), count + len(mean)))
        inverse[:count, :count], inverse[count:, count:] = old, corner
        inverse[count:, :count] = -corner @ below.T @ old
        seen = Observations(
            np.concatenate([self.seen.features, features]),
            self.seen.groups,
            np.concatenate([self.seen.time, time]),
            np.concatenate([self.seen.training, training]),
            np.concatenate([self.seen.score, mean]),
        )
        return CurveModel(self.process, seen, inverse)

    def _across(self, features: Array, time: Array, training: Any) -> Array:
        seen = self.seen
        shared = self.process._between(features, time, seen.features, seen.time, seen.groups)
        return np.asarray(shared + self._training * (training[:, None] == seen.training[None, :]))


def _posterior(process: Process, seen: Observations, inverse: Array) -> Posterior:
    posterior = object.__new__(Posterior)
    posterior._process, posterior._seen, posterior._inverse = process, seen, inverse
    posterior._alpha = inverse.T @ (inverse @ seen.score)
    return posterior


def promise(
    model: CurveModel, features: Array, training: Any, epoch: Array, *, best: float, rungs: Sequence[int]
) -> Array:
    """The expected improvement of `best` for each epoch that it costs, by trainings that have come to `epoch`.

    A training is either led to its end at once, or to a rung, where it goes on only if it is found to be worth that:
    the largest ratio of both expectations, over the rungs before the last and over what it must be found to be worth.
    """
    last = rungs[-1]
    end = np.ones(len(features))
    mean, explained, variance = model.predict(features, end, training)
    found = _improvement(mean, np.sqrt(variance), best) / np.maximum(last - epoch, 1)
    share = np.arange(1, len(_POINTS) + 1) / len(_POINTS)
    for rung in rungs[:-1]:
        time = np.full(len(features), math.log(rung) / math.log(last))
        _, explained_there, variance_there = model.predict(features, time, training)
        covariance = model.between(end, time) - (explained * explained_there).sum(axis=0)
        told = np.minimum(covariance**2 / (variance_there + model.noise), 0.999 * variance)
        means = mean[:, None] + np.sqrt(told)[:, None] * _POINTS
        gains = np.cumsum(_improvement(means, np.sqrt(variance - told)[:, None], best), axis=1) / len(_POINTS)
        costs = np.maximum(rung - epoch, 1)[:, None] + share * (last - rung)
        found = np.where(epoch < rung, np.maximum(found, (gains / costs).max(axis=1)), found)
    return np.asarray(found)


def _improvement(mean: Array, sd: Array, best: float) -> Array:
    z = (mean - best) / sd
    return np.asarray(sd * (z * ndtr(z) + np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)))
