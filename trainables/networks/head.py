"""What every network ends with: pooling to a vector, hidden layers, and one softmax unit for each class."""

from __future__ import annotations

from typing import Any

from keras import layers

from trainables.engines.layers import Dropout
from trainables.settings.image import ImageSettings


def head(x: Any, settings: ImageSettings, num_classes: int) -> Any:
    """Return class probabilities, shape (batch, classes); two classes get two units too."""
    x = {"flatten": layers.Flatten, "avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}[
        settings.pooling
    ]()(x)
    for width in settings.head_units:
        x = layers.Dense(width, activation="relu")(x)
        x = dropout(x, settings, "head_dropout")
    return layers.Dense(num_classes, activation="softmax")(x)


def dropout(x: Any, settings: ImageSettings, setting: str = "dropout") -> Any:
    """Return the input after dropout at the rate of the setting, or unchanged for a rate of 0."""
    rate = getattr(settings, setting)
    return Dropout(rate, setting)(x) if rate else x
