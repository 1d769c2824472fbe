"""Trains what a KerasTuner HyperModel builds: a trial's configuration stands for its hyperparameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainables.data import Data
from trainables.trial import Config


def build_with(hypermodel: Any) -> Callable[[Config, Data], Any]:
    """`build(config, data)` for `train_with`, from a HyperModel or any object with `build(hp)`.

    What the HyperModel compiles is not used: loss, optimizer and learning rate are those of `train_with`, so the name
    `learning_rate` reaches both. Its network must take the images of the data set and end in one unit per class.
    """

    def build(config: Config, data: Data) -> Any:
        import keras_tuner  # noqa: PLC0415  # brings TensorFlow, which only a training process has

        hp = keras_tuner.HyperParameters()
        hp.values = dict(config)
        return hypermodel.build(hp)

    return build
