"""The learning curves of a study's trials, as far as they came, and the selection of them that a model is told."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from search.sampling.model.encoding import Array, Encoding

MOST = 200
"""Values that a model is told at most: the time of a proposal grows with their cube."""
_BEST, _LATEST = 0.4, 0.2
"""Shares of the best and of the latest trials in a selection; the rest is an even selection of all others."""
_FACTOR = 3
"""Between the epochs at which the score of a curve is told."""
EPOCH_SECONDS = "epoch_seconds"
"""User attribute of a trial: what an epoch of it takes, a number or its text. Without it, all are held to be alike."""
DISCARDED = "discarded"
"""User attribute of a trial that ended FAIL without having been tried to its end: it says nothing."""


@dataclass(frozen=True)
class Curve:
    """A trial: where it stands in the space, and its best score so far after some epochs; larger is better."""

    places: Array
    points: tuple[tuple[float, float], ...]
    """(epoch, score), ascending. Epoch infinity: the end of a whole training. Score minus infinity: it failed."""
    seconds: float | None = None
    """What an epoch of it takes; None where that is not known."""


def curve_of(trial: FrozenTrial, encoding: Encoding, sign: int) -> Curve | None:
    """The curve of a trial; `sign` -1 where a small value is good. None where a trial says nothing.

    A trial that failed, or that was pruned before it reported, ends with the worst score there is.
    """
    if DISCARDED in trial.user_attrs or not trial.params:
        return None
    points, best, due = list[tuple[float, float]](), -math.inf, 0.0
    reports = sorted(trial.intermediate_values.items())
    for step, value in reports:
        best = best if math.isnan(value) else max(best, sign * value)
        if step >= due or step == reports[-1][0]:
            points.append((max(1.0, float(step)), best))
            due = _FACTOR * max(1, step)
    if trial.state == TrialState.COMPLETE:
        assert trial.value is not None
        points.append((math.inf, sign * trial.value))
    elif trial.state == TrialState.FAIL or (trial.state == TrialState.PRUNED and not points):
        points.append((math.inf, -math.inf))
    return Curve(encoding.places(trial.params), tuple(points), _positive(trial.user_attrs.get(EPOCH_SECONDS)))


def _positive(seconds: float | str | None) -> float | None:
    value = 0.0 if seconds is None else float(seconds)
    return value if 0 < value < math.inf else None


class Curves:
    """The curves of the trials that have ended, in the order in which they ended."""

    def __init__(self) -> None:
        self._curves: list[Curve] = []
        self._last: list[float] = []
        self._points = 0

    def __len__(self) -> int:
        return len(self._curves)

    def add(self, curve: Curve) -> None:
        """Take in the curve of a trial that has ended."""
        self._curves.append(curve)
        self._last.append(curve.points[-1][1])
        self._points += len(curve.points)

    def select(self) -> list[Curve]:
        """What a model is told: all curves, or of many the best, the latest and an even selection of the others."""
        if self._points <= MOST:
            return list(self._curves)
        count = len(self._curves)
        best = np.argsort(-np.array(self._last), kind="stable")[:MOST]
        chosen = dict[int, Curve]()
        self._take(best.tolist(), _BEST * MOST, chosen)
        self._take(range(count - 1, -1, -1), (_BEST + _LATEST) * MOST, chosen)
        self._take(np.linspace(0, count - 1, MOST).astype(int).tolist(), MOST, chosen)
        return [chosen[index] for index in sorted(chosen)]

    def _take(self, indexes: Iterable[int], until: float, chosen: dict[int, Curve]) -> None:
        points = sum(len(curve.points) for curve in chosen.values())
        for index in indexes:
            if points >= until:
                return
            if index not in chosen:
                chosen[index] = self._curves[index]
                points += len(self._curves[index].points)


def standardized(scores: Sequence[float]) -> Array | None:
    """The scores with mean 0 and variance 1, far ones pulled in; a failed one is the worst. None: all are the same."""
    finite = np.array(scores)[np.isfinite(scores)]
    if not finite.size or np.ptp(finite) == 0:
        return None
    pulled, *_ = _pulled(scores)
    return np.asarray((pulled - pulled.mean()) / pulled.std())


def as_scores(standard: Array, scores: Sequence[float]) -> Array:
    """The way back from `standardized(scores)`, for any standardized values."""
    pulled, middle, spread = _pulled(scores)
    return np.asarray(middle + spread * np.sinh(standard * pulled.std() + pulled.mean()))


def _pulled(scores: Sequence[float]) -> tuple[Array, float, float]:
    """The scores with far ones pulled in, and the middle and the spread by which that was done."""
    values = np.array(scores)
    finite = np.isfinite(values)
    values = np.where(finite, values, values[finite].min())
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    spread = float((high - low) / 1.35 if high > low else values.std())
    return np.arcsinh((values - middle) / spread), float(middle), spread
