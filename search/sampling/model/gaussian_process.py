"""A Gaussian process over configurations and epochs, learnt from learning curves that were broken off at any point.

A curve is a sum: what a configuration is worth at any epoch, what it is worth at about this epoch, what is particular
to this one training, and noise; each but the last two a Matérn 5/2 function of the configuration with a length scale
for each parameter (the time kernel is exponential in the logarithm of the epoch, as in autoregressive models of
fidelities, Kennedy and O'Hagan 2000). Parameters are the most probable ones under weak priors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]

_WEIGHT = (0.0, 1.3)
"""Mean and standard deviation of the logarithm of 1 / length scale squared, for four parameters; less with more."""
_PARTS = {
    "always": (-0.3, 1.0),
    "now": (-1.0, 1.0),
    "decay": (0.3, 0.8),
    "training": (-3.0, 1.0),
    "noise": (-3.5, 1.2),
}
"""The same for the variances of the parts and the decay over time, for scores of variance 1."""
_MEAN, _SLOPE, _BEND, _BEND_DECAY = 1.0, 4.0, 1.0, 2.0
"""Variances of the mean over all configurations, of its growth over time, and of what is not linear in it."""
_JITTER = 1e-6


@dataclass(frozen=True)
class Observations:
    """Scores of trainings: one row a training and epoch."""

    features: Array
    groups: Any
    """The parameter of each column of the features."""
    time: Array
    """Logarithm of the epoch, from 0 at the first to 1 at the last."""
    training: Any
    """A number for each training."""
    score: Array

    def at(self, rows: Any) -> Observations:
        """Some of the rows."""
        return Observations(self.features[rows], self.groups, self.time[rows], self.training[rows], self.score[rows])

    def with_ends(self, features: Array, score: Array) -> Observations:
        """These, and the ends of more trainings."""
        more = int(self.training.max()) + 1 + np.arange(len(score))
        return Observations(
            np.concatenate([self.features, features]),
            self.groups,
            np.concatenate([self.time, np.ones(len(score))]),
            np.concatenate([self.training, more]),
            np.concatenate([self.score, score]),
        )


@dataclass(frozen=True)
class _Pairs:
    """What the kernel of observations is computed from, whatever its parameters: a matrix each, of all pairs."""

    squares: Array
    """Squared distances by parameter: (parameters, rows, rows)."""
    apart: Array
    same: Array
    mean: Array
    score: Array

    @classmethod
    def of(cls, seen: Observations, parameters: int) -> _Pairs:
        squares = np.zeros((parameters, len(seen.score), len(seen.score)))
        for column, group in zip(seen.features.T, seen.groups, strict=True):
            squares[group] += (column[:, None] - column[None, :]) ** 2
        apart = np.abs(seen.time[:, None] - seen.time[None, :])
        same = (seen.training[:, None] == seen.training[None, :]).astype(float)
        return cls(squares, apart, same, _mean_kernel(seen.time, seen.time), seen.score)


class Process:
    """The process with given logarithms of its parameters (None: those of the priors)."""

    def __init__(self, parameters: int, theta: Array | None = None) -> None:
        means, sds = zip(*_PARTS.values(), strict=True)
        weights = np.full(parameters, _WEIGHT[0] - np.log(max(1, parameters) / 4))
        self._prior_mean = np.concatenate([weights, means])
        self._prior_sd = np.concatenate([np.full(parameters, _WEIGHT[1]), sds])
        self.theta = self._prior_mean.copy() if theta is None else theta
        self._count = parameters

    def fit(self, seen: Observations, steps: int) -> None:
        """Move the parameters towards the most probable ones, by so many steps of L-BFGS; keeps them on failure."""
        from scipy.optimize import minimize  # noqa: PLC0415  # takes 0.3 s, which no search should begin with

        pairs = _Pairs.of(seen, self._count)
        bounds = [(m - 4 * s, m + 4 * s) for m, s in zip(self._prior_mean, self._prior_sd, strict=True)]
        found = minimize(
            lambda theta: self._cost(theta, pairs),
            self.theta,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": steps},
        )
        if np.all(np.isfinite(found.x)) and np.isfinite(found.fun):
            self.theta = found.x

    def _cost(self, theta: Array, pairs: _Pairs) -> tuple[float, Array]:
        """Negative logarithm of the posterior density of the parameters, and its gradient."""
        weights = np.exp(theta[: self._count])
        always, now, decay, training, noise = np.exp(theta[self._count :])
        distance = np.tensordot(weights, pairs.squares, axes=1)
        root = np.sqrt(5 * distance)
        exponential = np.exp(-root)
        matern = (1 + root + root**2 / 3) * exponential
        slope = -5 / 6 * (1 + root) * exponential  # By the squared distance.
        over_time = np.exp(-decay * pairs.apart)
        part_now = now * matern * over_time
        kernel = always * matern + part_now + training * pairs.same + pairs.mean
        kernel[np.diag_indices_from(kernel)] += noise + _JITTER
        inverse, log_determinant = _inverse(kernel)
        if inverse is None:
            return 1e10, np.zeros_like(theta)
        alpha = inverse @ pairs.score
        off = (theta - self._prior_mean) / self._prior_sd
        value = 0.5 * float(pairs.score @ alpha) + 0.5 * log_determinant + 0.5 * float(off @ off)
        inner = inverse - np.outer(alpha, alpha)
        through = inner * slope * (always + now * over_time)
        gradient = 0.5 * np.concatenate(
            [
                weights * np.tensordot(pairs.squares, through, axes=2),
                [
                    always * np.vdot(inner, matern),
                    np.vdot(inner, part_now),
                    -decay * np.vdot(inner, part_now * pairs.apart),
                    training * np.vdot(inner, pairs.same),
                    noise * np.trace(inner),
                ],
            ]
        )
        return value, gradient + off / self._prior_sd

    def posterior(self, seen: Observations) -> Posterior:
        """What the process says after the observations; raises LinAlgError where they contradict each other."""
        kernel = self._between(seen.features, seen.time, seen.features, seen.time, seen.groups)
        *_, training, noise = np.exp(self.theta)
        kernel += training * (seen.training[:, None] == seen.training[None, :])
        kernel[np.diag_indices_from(kernel)] += noise + _JITTER
        return Posterior(self, seen, np.asarray(np.linalg.cholesky(kernel), float))

    def _between(self, left: Array, left_time: Array, right: Array, right_time: Array, groups: Any) -> Array:
        scale = np.exp(0.5 * self.theta[: self._count])[groups]
        always, now, decay, *_ = np.exp(self.theta[self._count :])
        a, b = left * scale, right * scale
        distance = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
        root = np.sqrt(5 * np.maximum(distance, 0))
        matern = (1 + root + root**2 / 3) * np.exp(-root)
        over_time = np.exp(-decay * np.abs(left_time[:, None] - right_time[None, :]))
        return np.asarray(matern * (always + now * over_time) + _mean_kernel(left_time, right_time))

    @property
    def deviation(self) -> float:
        """Standard deviation of what is particular to one training and of the noise together."""
        *_, training, noise = np.exp(self.theta)
        return float(np.sqrt(training + noise))

    def variance(self, time: float) -> float:
        """Prior variance of a score at this time, without noise and what is particular to a training."""
        always, now, *_ = np.exp(self.theta[self._count :])
        return float(always + now + _MEAN + _BEND + _SLOPE * time * time)


class Posterior:
    """Mean and variance of the score of any configuration at any time."""

    def __init__(self, process: Process, seen: Observations, lower: Array) -> None:
        self._process, self._seen = process, seen
        from scipy.linalg import lapack  # noqa: PLC0415  # as above

        self._inverse = np.asarray(lapack.dtrtri(lower, lower=1)[0])
        self._alpha = self._inverse.T @ (self._inverse @ seen.score)

    def predict(self, features: Array, time: float) -> tuple[Array, Array]:
        """Means and standard deviations of the scores at this time."""
        seen = self._seen
        across = self._process._between(features, np.full(len(features), time), seen.features, seen.time, seen.groups)
        explained = self._inverse @ across.T
        variance = self._process.variance(time) - (explained**2).sum(axis=0)
        return across @ self._alpha, np.sqrt(np.maximum(variance, 1e-9))

    def predict_ends(self, features: Array, training: Any) -> tuple[Array, Array]:
        """Means and standard deviations of the last scores, noise included, of trainings that are among the observed.

        What is particular to a training is known from its own scores so far.
        """
        seen, ends = self._seen, np.ones(len(features))
        *_, particular, noise = np.exp(self._process.theta)
        across = self._process._between(features, ends, seen.features, seen.time, seen.groups)
        across += particular * (training[:, None] == seen.training[None, :])
        explained = self._inverse @ across.T
        variance = self._process.variance(1.0) + particular + noise - (explained**2).sum(axis=0)
        return across @ self._alpha, np.sqrt(np.maximum(variance, 1e-9))


def _mean_kernel(left: Array, right: Array) -> Array:
    bend = np.exp(-_BEND_DECAY * np.abs(left[:, None] - right[None, :]))
    return np.asarray(_MEAN + _SLOPE * left[:, None] * right[None, :] + _BEND * bend)


def _inverse(kernel: Array) -> tuple[Array | None, float]:
    from scipy.linalg import lapack  # noqa: PLC0415  # as above

    lower, failed = lapack.dpotrf(kernel, lower=1)
    if failed:
        return None, 0.0
    log_determinant = 2 * float(np.log(np.diag(lower)).sum())
    inverse, failed = lapack.dpotri(lower, lower=1)
    if failed:
        return None, 0.0
    inverse = np.tril(inverse)
    return inverse + np.tril(inverse, -1).T, log_determinant
