"""Builds what stands around a backbone: preprocessing in front of it, and behind it the head that is trained."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from trainables.backbones.network import preprocessed
from trainables.networks.augmentation import augmentation
from trainables.networks.head import dropout
from trainables.settings.image import ImageSettings

POOLED = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
"""Poolings that make one vector of each image; none has weights."""


def transfer_model(
    settings: ImageSettings, input_shape: tuple[int, ...], num_classes: int, piece: keras.Model | None, *, pixels: bool
) -> keras.Model:
    """Return a model that gives class probabilities from images (`pixels`), or from features of them.

    `piece` is the part of a backbone that is not computed beforehand, perhaps all of it; its weights come first.
    """
    inputs = x = keras.Input(input_shape)
    if pixels:
        for layer in augmentation(settings, "none", input_shape):
            x = layer(x)
        x = preprocessed(x, settings.network)
    if piece is not None:
        x = piece(x)
    if len(x.shape) > 2:
        x = POOLED.get(settings.pooling, layers.Flatten)()(x)
    return keras.Model(inputs, _head(x, settings, num_classes), name=settings.network)


def head_structure(settings: ImageSettings) -> tuple[object, ...]:
    """Return a value that is equal for settings with the same layers behind the backbone."""
    rates = (bool(settings.dropout), bool(settings.head_dropout))
    return (settings.pooling, settings.head_units, settings.batch_norm, settings.batch_norm_momentum, *rates)


def _head(x: Any, settings: ImageSettings, num_classes: int) -> Any:
    x = dropout(x, settings)
    for width in settings.head_units:
        x = layers.Dense(width)(x)
        x = _normalised(x, settings) if settings.batch_norm == "before_relu" else x
        x = layers.ReLU()(x)
        x = _normalised(x, settings) if settings.batch_norm == "after_relu" else x
        x = dropout(x, settings, "head_dropout")
    return layers.Dense(num_classes, activation="softmax")(x)


def _normalised(x: Any, settings: ImageSettings) -> Any:
    return layers.BatchNormalization(momentum=settings.batch_norm_momentum)(x)
