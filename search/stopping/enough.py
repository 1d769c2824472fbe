"""When a search has found enough and ends by itself: what is good enough, or nothing better for long."""

from __future__ import annotations

import math
from collections.abc import Mapping

from search.goals import Goals, Values
from search.wording import counted


class Enough:
    """Hears of each configuration that ended, in their order, and says in `reason` why no other is begun.

    `target`: a value of the metric that is good enough. `patience`: so many configurations that do not improve the
    best value, or add nothing to the front of several objectives, beyond the noise. `images`: by how many validation
    images each of the `goals` is measured that is a share of them, such as an accuracy; the noise of others is not
    known.
    """

    def __init__(self, goals: Goals, target: float | None, patience: int | None, images: Mapping[str, int]) -> None:
        self._goals, self._target, self._patience, self._images = goals, target, patience, images
        self._sign = 1 if goals.mode == "max" else -1
        self._best: list[Values] = []
        """The best value, or the front, as it was at the last improvement beyond the noise: small steps add up."""
        self._without = 0
        self.reason: str | None = None
        """In words; None while the search goes on."""

    def take(self, value: float | None, values: Values | None) -> None:
        """Take the end of a configuration that has not failed: its metric, and what it is compared by.

        Both are None where it cannot be the best, since it is not complete or violates a constraint.
        """
        if values is not None and self._improves(values):
            self._best = [*(one for one in self._best if not self._goals.dominates(values, one)), values]
            self._without = 0
        else:
            self._without += 1
        if value is not None and self._target is not None and self._sign * value >= self._sign * self._target:
            self.reason = self.reason or f"{self._goals.metric} {value:.6g} reaches the target of {self._target:g}"
        if self._patience is not None and self._best and self._without >= self._patience:
            self.reason = self.reason or f"{self._patience} configurations have {self._not_done()}"

    def _improves(self, values: Values) -> bool:
        """Whether, beside each value of the front so far, some objective is better by more than the noise."""
        return all(any(self._gains(values, one)) for one in self._best)

    def _gains(self, values: Values, best: Values) -> list[bool]:
        """For each objective, whether it is better by more than the standard error of the best, a share of images."""
        return [
            (new - old if mode == "max" else old - new) > _noise(old, self._images.get(name))
            for (name, mode), new, old in zip(self._goals.directions.items(), values, best, strict=True)
        ]

    def _not_done(self) -> str:
        images = max(self._images.values(), default=None)
        beyond = "" if images is None else f" by more than the noise of {images:,} validation images"
        if self._goals.objectives:
            front = (
                f"the front of {counted(len(self._best), 'configuration')} by {' and '.join(self._goals.objectives)}"
            )
            return f"not extended {front}{beyond}"
        return f"not improved {self._goals.metric} {self._best[0][0]:.6g}{beyond}"


def _noise(share: float, images: int | None) -> float:
    share = min(1.0, max(0.0, share))
    return math.sqrt(share * (1 - share) / images) if images else 0.0
