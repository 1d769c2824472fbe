"""What becomes of a trial after a report, and the contract of the rules that decide it."""

from __future__ import annotations

from enum import Enum
from typing import Literal, Protocol

from trainables.trial import Growth

Mode = Literal["max", "min"]


class Decision(Enum):
    """What becomes of a trial after a report."""

    CONTINUE = "continue"
    STOP = "stop"
    PAUSE = "pause"
    """It waits, without its worker, until the others of its population have come as far."""


class StoppingRule(Protocol):
    """Decides after each report of a trial; the same reports in the same order give the same decisions."""

    def rungs(self) -> tuple[int, ...] | None:
        """Return the epochs at which a trial can be stopped, in ascending order; None where any epoch is one."""

    def kept_share(self) -> float:
        """Return the share of the trials that goes on at each rung, on average."""

    def growth(self) -> Growth:
        """Return how training sets grow from rung to rung; without steps a trial has all its images from the start."""

    def decide(self, trial_id: str, epoch: int, value: float) -> Decision:
        """Return what becomes of the trial after this report; an epoch that was reported before gives CONTINUE."""

    def end(self, trial_id: str) -> None:
        """Take note that the trial reports nothing more; what it has reported remains."""

    def forget(self, trial_id: str) -> None:
        """Drop what the trial reported, so that others are no longer measured against it."""
