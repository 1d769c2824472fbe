"""When a search has found enough and ends by itself: what is good enough, or nothing better for long."""

from __future__ import annotations

import math


class Enough:
    """Hears of each configuration that ended, in their order, and says in `reason` why no other is begun.

    `target`: a value of the metric that is good enough. `patience`: so many configurations that do not improve the
    best value beyond the noise. `images`: by how many validation images a share, such as an accuracy, is measured;
    None: the metric is no share, and the noise is not known.
    """

    def __init__(self, mode: str, target: float | None, patience: int | None, images: int | None) -> None:
        self._sign = 1 if mode == "max" else -1
        self._target, self._patience, self._images = target, patience, images
        self._best: float | None = None
        self._without = 0
        self.reason: str | None = None
        """In words; None while the search goes on."""

    def take(self, value: float | None, complete: bool) -> None:
        """Take the end of a configuration that has not failed; only one that is complete can be the best."""
        reached = value is not None and complete and not math.isnan(value)
        if reached and value is not None and self._improves(value):
            self._best, self._without = value, 0
        else:
            self._without += 1
        if reached and value is not None and self._is_enough(value):
            self.reason = self.reason or f"{value:.6g} reaches the target of {self._target:g}"
        if self._patience is not None and self._best is not None and self._without >= self._patience:
            told = "" if self._images is None else f" by more than the noise of {self._images:,} validation images"
            self.reason = self.reason or f"{self._patience} configurations have not improved {self._best:.6g}{told}"

    def _is_enough(self, value: float) -> bool:
        return self._target is not None and self._sign * value >= self._sign * self._target

    def _improves(self, value: float) -> bool:
        """Whether it is better by more than the standard error of the best so far, a share of so many images.

        The best stays where it was until then, so that small steps add up.
        """
        if self._best is None:
            return True
        share = min(1.0, max(0.0, self._best))
        noise = math.sqrt(share * (1 - share) / self._images) if self._images else 0.0
        return self._sign * (value - self._best) > noise
