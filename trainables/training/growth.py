"""A training set that grows: which images an epoch sees, and which trainings a trial consists of."""

from __future__ import annotations

import dataclasses

from trainables.data import Data, Split
from trainables.errors import TrainableError
from trainables.training.checkpoint import checkpoint_values
from trainables.trial import Growth, Trial


def seen_in(epoch: int, data: Data, growth: Growth, batch_size: int) -> Data:
    """Return the data with the training images that the epoch sees: the first ones in the order of all sample sizes.

    Each part is therefore stratified and lies within the next. It holds at least one batch and one image of each class.
    Raises TrainableError for data that give their own batches, which cannot grow.
    """
    share = growth.share(epoch)
    if share == 1:
        return data
    if not isinstance(data.train, Split):
        raise TrainableError(f"{data.info.name} gives its own batches, which cannot grow. Take fidelity='epochs'.")
    whole = len(data.train)
    size = min(whole, max(round(share * whole), batch_size, data.info.num_classes))
    return dataclasses.replace(data, train=dataclasses.replace(data.train, index=data.train.index[:size]))


def trainings(trial: Trial, epochs: int) -> list[int]:
    """Return, for each training that is still to do, the number of epochs before it; each training has `epochs`.

    There is one training, or, where the trial begins anew for each part, one more than the training set has steps.
    Raises TrainableError where the steps do not fit the epochs.
    """
    steps, anew = trial.growth.steps, trial.growth.anew
    ends = [last for last, _ in steps]
    fits = ends == [epochs * (i + 1) for i in range(len(steps))] if anew else all(last < epochs for last in ends)
    if not fits:
        raise TrainableError(
            f"the trial has {epochs} epochs, and its training set is to grow behind epoch {', '.join(map(str, ends))}; "
            "expected the same epochs in every trial. Fix `epochs`, and `second_epochs` where there is a second stage."
        )
    done = checkpoint_values(trial.checkpoint).get("begins", 0) if trial.checkpoint else 0
    return [begins for begins in (0, *ends) if begins >= done] if anew else [0]
