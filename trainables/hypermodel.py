"""Trains what a KerasTuner HyperModel builds; a trial's configuration gives the values of its hyperparameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator
from typing import Any

from trainables.data import Data
from trainables.image_classifier import train_with
from trainables.tailored import has_own_fit
from trainables.trial import Config, Metrics, Trial


def train_hypermodel(hypermodel: Any) -> Callable[[Config, Trial], Generator[Metrics, None, None]]:
    """Return the trainable for images that trains what a HyperModel, or a function `build(hp)`, builds.

    It trains with the loss, optimizer and metrics of `compile`. The HyperModel's own `fit`, if it has one, is called as
    KerasTuner calls it.
    """
    return train_with(build_with(hypermodel), fit_with(hypermodel))


def build_with(hypermodel: Any) -> Callable[[Config, Data], Any]:
    """Return `build(config, data)` for `train_with`, from a HyperModel or a function `build(hp)`.

    Its network must take the images of the data set.
    """

    def build(config: Config, data: Data) -> Any:
        hp = _hyperparameters(config)
        return hypermodel.build(hp) if hasattr(hypermodel, "build") else hypermodel(hp)

    return build


def fit_with(hypermodel: Any) -> Callable[..., Any] | None:
    """Return `fit(config, model, ...)` for `train_with`, or None where the HyperModel only has KerasTuner's default."""
    if not has_own_fit(hypermodel):
        return None

    def fit(config: Config, model: Any, *args: Any, **kwargs: Any) -> Any:
        return hypermodel.fit(_hyperparameters(config), model, *args, **kwargs)

    return fit


def _hyperparameters(config: Config) -> Any:
    import keras_tuner  # noqa: PLC0415  # brings TensorFlow, which only a training process has

    hp = keras_tuner.HyperParameters()
    hp.values = copy.copy(config)  # Hyperparameters that the search does not know take their defaults.
    return hp
