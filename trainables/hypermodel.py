"""Trains what a KerasTuner HyperModel builds: a trial's configuration stands for its hyperparameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator
from typing import Any

from trainables.data import Data
from trainables.image_classifier import train_with
from trainables.trial import Config, Metrics, Trial


def train_hypermodel(hypermodel: Any) -> Callable[[Config, Trial], Generator[Metrics, None, None]]:
    """The trainable for images of a HyperModel, or of a function `build(hp)`: `train_with` what it builds.

    What it compiles is used: loss, optimizer and metrics. A `fit` of its own is called as KerasTuner calls it.
    """
    return train_with(build_with(hypermodel), fit_with(hypermodel))


def build_with(hypermodel: Any) -> Callable[[Config, Data], Any]:
    """`build(config, data)` for `train_with`, from a HyperModel or a function `build(hp)`.

    Its network must take the images of the data set.
    """

    def build(config: Config, data: Data) -> Any:
        hp = _hyperparameters(config)
        return hypermodel.build(hp) if hasattr(hypermodel, "build") else hypermodel(hp)

    return build


def fit_with(hypermodel: Any) -> Callable[..., Any] | None:
    """`fit(config, model, ...)` for `train_with`; None where it has none but the one that KerasTuner gives it."""
    own = getattr(type(hypermodel), "fit", None)
    if own is None or str(getattr(own, "__module__", "")).partition(".")[0] == "keras_tuner":
        return None

    def fit(config: Config, model: Any, *args: Any, **kwargs: Any) -> Any:
        return hypermodel.fit(_hyperparameters(config), model, *args, **kwargs)

    return fit


def _hyperparameters(config: Config) -> Any:
    import keras_tuner  # noqa: PLC0415  # brings TensorFlow, which only a training process has

    hp = keras_tuner.HyperParameters()
    hp.values = copy.copy(config)  # The hyperparameters that the search does not know take their defaults.
    return hp
