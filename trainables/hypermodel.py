"""Trains what a KerasTuner HyperModel builds: a trial's configuration stands for its hyperparameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator
from typing import Any

from trainables.data import Data
from trainables.image_classifier import train_with
from trainables.trial import Config, Metrics, Trial


def train_hypermodel(hypermodel: Any) -> Callable[[Config, Trial], Generator[Metrics, None, None]]:
    """The trainable for images of a HyperModel, or of a function `build(hp)`: `train_with` what it builds."""
    return train_with(build_with(hypermodel))


def build_with(hypermodel: Any) -> Callable[[Config, Data], Any]:
    """`build(config, data)` for `train_with`, from a HyperModel or a function `build(hp)`.

    What the HyperModel compiles is not used: loss, optimizer and learning rate are those of `train_with`, so the name
    `learning_rate` reaches both. Its network must take the images of the data set and end in one unit per class.
    """

    def build(config: Config, data: Data) -> Any:
        import keras_tuner  # noqa: PLC0415  # brings TensorFlow, which only a training process has

        hp = keras_tuner.HyperParameters()
        hp.values = copy.copy(config)  # The hyperparameters that the search does not know take their defaults.
        return hypermodel.build(hp) if hasattr(hypermodel, "build") else hypermodel(hp)

    return build
