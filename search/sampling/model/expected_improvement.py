"""Where a model expects the largest improvement: random candidates and small moves from the best, in two rounds.

Where it is known what an epoch of the trials took, the improvement is divided by what one of the candidate is expected
to take: expected improvement per second (Snoek et al., NeurIPS 2012).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from search.sampling.model.encoding import Array, Encoding
from search.sampling.model.gaussian_process import Posterior

_RANDOM = 200
_BEST, _MOVES = 5, 20
"""Configurations from which candidates are moved away, and moves of each."""
_WIDTHS = (0.02, 0.1, 0.3)
_REFINED, _REFINING_WIDTHS = 4, (0.1, 0.03)
_RIDGE, _FARTHEST = 0.1, 4.0
"""Of the regression of the seconds: its penalty, and how far from their mean a logarithm is believed to be."""


@dataclass(frozen=True)
class Condition:
    """A parameter that is there only where another one stands at one of these places."""

    column: int
    parent: int
    places: Array


def conditions(places: Array, encoding: Encoding) -> list[Condition]:
    """The conditions that the trials show, parents first; a parameter that depends on several others has none.

    `places`: a row a trial, NaN for a parameter that it does not have.
    """
    there = ~np.isnan(places)
    found = [_condition(int(column), places, there, encoding) for column in np.flatnonzero(~there.all(axis=0))]
    left, ordered = [condition for condition in found if condition is not None], list[Condition]()
    while left:
        waiting = {condition.column for condition in left}
        free = [condition for condition in left if condition.parent not in waiting]
        if not free:  # Two parameters that are always there together.
            return ordered
        ordered += free
        left = [condition for condition in left if condition.parent in waiting]
    return ordered


def _condition(column: int, places: Array, there: Array, encoding: Encoding) -> Condition | None:
    active, found = there[:, column] > 0, list[Condition]()
    for parent, axis in enumerate(encoding.axes):
        at = np.round(places[:, parent], 6)
        holds = np.unique(at[active])
        if parent == column or not axis.bins or np.isnan(holds).any() or np.isin(at[~active], holds).any():
            continue
        found.append(Condition(column, parent, holds))
    return min(found, key=lambda condition: len(condition.places), default=None)


class Seconds:
    """What an epoch takes: its logarithm as a quadratic function of the settings, by ridge regression."""

    def __init__(self, features: Array, seconds: Array) -> None:
        rows, logarithms = _quadratic(features), np.log(seconds)
        penalty = _RIDGE * np.eye(rows.shape[1])
        self._weights = np.linalg.solve(rows.T @ rows + penalty, rows.T @ (logarithms - logarithms.mean()))

    def relative(self, features: Array) -> Array:
        """The seconds of configurations, where 1 is the geometric mean of those that it was told."""
        return np.asarray(np.exp(np.clip(_quadratic(features) @ self._weights, -_FARTHEST, _FARTHEST)))


def _quadratic(features: Array) -> Array:
    centred = features - 0.5
    return np.column_stack([np.ones(len(features)), centred, centred**2])


class Proposer:
    """Draws candidates of a space, and takes the one of largest expected improvement at the end of a training.

    With `seconds`, of the largest for the seconds that it takes.
    """

    def __init__(
        self,
        encoding: Encoding,
        conditions: list[Condition],
        rng: np.random.Generator,
        seconds: Seconds | None = None,
    ) -> None:
        self._encoding, self._conditions, self._rng = encoding, conditions, rng
        self._seconds = seconds
        self._unordered = np.array([axis.unordered for axis in encoding.axes])

    def propose(self, posterior: Posterior, tried: Array) -> Array:
        """The places of a configuration; `tried`: those of the trials that the model knows."""
        mean, _ = posterior.predict(self._encoding.features(tried), 1.0)
        best = tried[np.argsort(-mean, kind="stable")[:_BEST]]
        near = np.repeat(best, _MOVES, axis=0)
        candidates = np.concatenate(
            [
                self._actual(self._rng.random((_RANDOM, tried.shape[1]))),
                self._moved(near, self._rng.choice(_WIDTHS, len(near))),
            ]
        )
        gain = self._gain(posterior, candidates, float(mean.max()))
        for width in _REFINING_WIDTHS:
            near = np.repeat(candidates[np.argsort(-gain, kind="stable")[:_REFINED]], _MOVES, axis=0)
            moved = self._moved(near, np.full(len(near), width))
            candidates = np.concatenate([candidates, moved])
            gain = np.concatenate([gain, self._gain(posterior, moved, float(mean.max()))])
        known = set(_keys(tried))
        gain[[key in known for key in _keys(candidates)]] = -1
        return np.asarray(candidates[int(np.argmax(gain))])

    def _gain(self, posterior: Posterior, candidates: Array, best: float) -> Array:
        from scipy.special import ndtr  # noqa: PLC0415  # takes 0.2 s, which no search should begin with

        features = self._encoding.features(candidates)
        mean, sd = posterior.predict(features, 1.0)
        z = (mean - best) / sd
        gain = sd * (z * ndtr(z) + np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi))
        return np.asarray(gain if self._seconds is None else gain / self._seconds.relative(features))

    def _moved(self, places: Array, widths: Array) -> Array:
        """The places with about two parameters of each row changed: by a step of that width, or to any option."""
        changed = self._rng.random(places.shape) < max(0.3, 2 / places.shape[1])
        anew = self._rng.random(places.shape)
        start = np.where(np.isnan(places), anew, places)
        steps = np.abs(start + widths[:, None] * self._rng.standard_normal(places.shape))
        steps = np.clip(1 - np.abs(1 - steps), 0, 1)  # What would leave the range is reflected at its bound.
        return self._actual(np.where(changed, np.where(self._unordered, anew, steps), start))

    def _actual(self, places: Array) -> Array:
        """The places of configurations that can be: values that there are, and parameters whose condition holds."""
        places = self._encoding.snap(places)
        for condition in self._conditions:
            holds = np.isin(np.round(places[:, condition.parent], 6), condition.places)
            places[~holds, condition.column] = np.nan
        return places


def _keys(places: Array) -> list[bytes]:
    return [row.tobytes() for row in np.round(np.nan_to_num(places, nan=-1), 9)]
