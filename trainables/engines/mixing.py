"""MixUp and CutMix: training images of a batch, and their labels, mixed with one another by Keras' own layers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainables.engines.seeds import Stream, derived_seed
from trainables.settings.image import ImageSettings

USUAL_STRENGTH = {"mixup": 0.2, "cutmix": 1.0}
"""Strengths that Keras' layers have by default."""


class Mixing:
    """Mixes a batch; what is random follows from seed and epoch, in a compiled program as in a pipeline of `fit`."""

    def __init__(self, kind: str) -> None:
        """Make the layer of this kind: mixup or cutmix."""
        self._kind = kind
        self._strength = tf.Variable(1.0, trainable=False, dtype="float32", name="mixing_strength")
        if kind == "mixup":
            self._layer = keras.layers.MixUp(dtype="float32")
            self._layer.alpha = self._strength  # It is a variable, so that a later trial needs no new graph.
        else:
            self._layer = keras.layers.CutMix(dtype="float32")
            self._layer.factor = (0.0, self._strength)

    def start(self, settings: ImageSettings) -> None:
        """Take the settings of a trial."""
        self._strength.assign(settings.mixing_strength or USUAL_STRENGTH[self._kind])

    def seed(self, seed: int, epoch: int) -> None:
        """Seed the mixing with what belongs to this epoch of this seed."""
        state = self._layer.generator.state
        state.assign(np.array([derived_seed(seed, Stream.MIXING, epoch), 0], state.dtype))

    def __call__(self, images: Any, targets: Any) -> tuple[Any, Any]:
        """Return mixed images and targets.

        Images have shape (batch, height, width, channels) and single precision, targets are shares of the classes,
        shape (batch, classes).
        """
        mixed = self._layer({"images": images, "labels": targets}, training=True)
        return mixed["images"], mixed["labels"]


def mixing_of(settings: ImageSettings) -> Mixing | None:
    """Return the mixing of trials with these settings, or None where images are not mixed."""
    return None if settings.mixing == "none" else Mixing(settings.mixing)
