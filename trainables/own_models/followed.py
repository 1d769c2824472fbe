"""Refuses settings by which only our own networks are trained, where a user's model is to be trained by them."""

from __future__ import annotations

import keras

from trainables.errors import TrainableError
from trainables.trial import Config

_OF_OUR_NETWORKS = frozenset(
    {"label_smoothing", "mixing", "mixing_strength", "schedule", "step_epochs", "step_factor", "warmup_epochs"}
)
"""Settings of loss and learning rate that a model which is not compiled does not get."""


def check_followed(model: keras.Model, config: Config) -> None:
    """Raise TrainableError where a model that is not compiled would be trained as if such a setting was not there.

    What code of the user's own has read is the user's own setting; that is known where a search notes what is read.
    """
    read = getattr(config, "read", None)
    if model.compiled or read is None:
        return
    for name in sorted(_OF_OUR_NETWORKS):
        if name in config and name not in read:
            raise TrainableError(
                f"{name} is set, and a model of your own is not trained by it unless it is compiled so; expected "
                f"config['{name}'] to be read in build, or no such setting."
            )
