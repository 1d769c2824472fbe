"""The rule of a population: its members wait for each other after every interval of epochs."""

from __future__ import annotations

from search.stopping.decision import Decision
from trainables.trial import ALL_AT_ONCE, Growth


class Intervals:
    """Has every member of a population wait after each interval, until all have come there.

    Which of them end then, and which are followed, is decided where all are known: `search.driver.population`.
    """

    def __init__(self, interval: int, epochs: int) -> None:
        self._rungs = tuple(range(interval, epochs, interval))
        self.passed = 0
        """The last epoch whose comparison has been made."""

    def rungs(self) -> tuple[int, ...] | None:
        """Return the epochs after which members wait."""
        return self._rungs

    def kept_share(self) -> float:
        """Return 1: each that ends is replaced."""
        return 1.0

    def growth(self) -> Growth:
        """Return no steps: members have all their images from the start."""
        return ALL_AT_ONCE

    def decide(self, trial_id: str, epoch: int, value: float) -> Decision:
        """Return PAUSE at the end of an interval whose comparison has not been made, else CONTINUE."""
        return Decision.PAUSE if epoch in self._rungs and epoch > self.passed else Decision.CONTINUE

    def end(self, trial_id: str) -> None:
        """Do nothing, because nothing is remembered of single trials."""

    def forget(self, trial_id: str) -> None:
        """Do nothing, for the same reason."""
