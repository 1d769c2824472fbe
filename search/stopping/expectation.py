"""How many trials a search may expect to come how far, and the epochs that they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PROPOSED_BY_MODEL = 0.55
"""Share that goes on at a rung, as measured, where what a model proposes is compared with random trials."""


@dataclass(frozen=True)
class Expectation:
    """What successive halving asks for on average; early stopping and failed trials make it less."""

    arrivals: tuple[tuple[int, float], ...]
    """(epoch, trials that train it), for every rung and for the last epoch, ascending."""
    epochs: float
    """Epochs of all trials together."""


def expect(rungs: Sequence[int], kept: float, max_epochs: int, trials: int, epoch_budget: int | None) -> Expectation:
    """Return what to expect where a share `kept` of the trials goes on at each rung.

    With an `epoch_budget` that is used up before `trials` have been begun, there are as many trials as it pays for.
    """
    ends = (*(rung for rung in rungs if rung < max_epochs), max_epochs)
    shares = [kept**i for i in range(len(ends))]
    each = sum(share * (end - before) for share, end, before in zip(shares, ends, (0, *ends), strict=False))
    count = trials if epoch_budget is None else min(trials, epoch_budget / each)
    return Expectation(tuple((end, count * share) for end, share in zip(ends, shares, strict=True)), count * each)
