"""What the early rungs of a stopping rule save: epochs, training images, or both. Plain values.

A share of the images goes with a rung's share of the epochs. Where a rung stands so late that a training set that
large would be worth little more than it saves (less than a step of the rule before the end), the trial has all images
already: so a trial trains on all of them for most of its epochs, and can still stop early and choose its best epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.errors import SearchError
from trainables.trial import ALL_AT_ONCE, Growth

FIDELITIES = ("epochs", "sample_size", "both")


@dataclass(frozen=True)
class Ladder:
    """Where trials are cut, and how their training sets grow on the way there."""

    rungs: tuple[int, ...]
    """The epochs after which trials are judged, in ascending order."""
    growth: Growth = ALL_AT_ONCE


def ladder(fidelity: str, rungs: tuple[int, ...], factor: float, max_epochs: int | None) -> Ladder:
    """Return the ladder of a rule whose rungs stand a `factor` apart, below `max_epochs`.

    `epochs`: as they stand, on all images. `both`: on a share of the images that is the rung's share of the epochs.
    `sample_size`: each such share gets a whole training, and the rungs stand behind them. Raises SearchError where
    the epochs are not known, or too few for any share.
    """
    if fidelity == "epochs":
        return Ladder(rungs)
    if max_epochs is None:
        raise SearchError(
            f"fidelity={fidelity!r} gives early rungs a part of the training images by their part of the epochs, which "
            "the space does not say; expected `epochs` in `fixed`."
        )
    shares = [(rung, rung / max_epochs) for rung in rungs if rung * factor <= max_epochs]
    if not shares:
        raise SearchError(
            f"fidelity={fidelity!r} has no effect: of {max_epochs} epochs no rung stands early enough for a part of "
            "the training images; expected more epochs, or a smaller min_epochs or reduction_factor."
        )
    if fidelity == "both":
        return Ladder(rungs, Growth(tuple(shares)))
    ends = tuple((max_epochs * number, share) for number, (_, share) in enumerate(shares, 1))
    return Ladder(tuple(end for end, _ in ends), Growth(ends, anew=True))


def comparable(epochs: Sequence[Mapping[str, float]], growth: Growth) -> list[Mapping[str, float]]:
    """Return a trial's epochs on as large a part of its training set as its last; of a complete trial, on all of it."""
    share = last_share(epochs, growth)
    return [metrics for metrics in epochs if growth.share(int(metrics["epoch"])) == share]


def last_share(epochs: Sequence[Mapping[str, float]], growth: Growth) -> float:
    """Return the share of its training set that a trial has come to; 1 before its first epoch."""
    return growth.share(int(epochs[-1]["epoch"])) if epochs else 1.0
