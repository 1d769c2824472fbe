"""MixUp and CutMix: training images of a batch, and their labels, mixed with one another by Keras' own layers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainables.engines.seeds import Stream, derived_seed
from trainables.settings.image import ImageSettings

USUAL_STRENGTH = {"mixup": 0.2, "cutmix": 1.0}
"""The defaults of Keras' layers."""


class Mixing:
    """Mixes a batch; what it draws follows from seed and epoch, in a compiled program as in a pipeline of `fit`."""

    def __init__(self, kind: str) -> None:
        """`kind`: mixup or cutmix."""
        self._kind = kind
        self._strength = tf.Variable(1.0, trainable=False, dtype="float32", name="mixing_strength")
        if kind == "mixup":
            self._layer = keras.layers.MixUp(dtype="float32")
            self._layer.alpha = self._strength  # A variable, so that a later trial needs no new graph.
        else:
            self._layer = keras.layers.CutMix(dtype="float32")
            self._layer.factor = (0.0, self._strength)

    def start(self, settings: ImageSettings) -> None:
        """Take the settings of a trial."""
        self._strength.assign(settings.mixing_strength or USUAL_STRENGTH[self._kind])

    def seed(self, seed: int, epoch: int) -> None:
        """Draw, from here on, what belongs to this epoch of this seed."""
        state = self._layer.generator.state
        state.assign(np.array([derived_seed(seed, Stream.MIXING, epoch), 0], state.dtype))

    def __call__(self, images: Any, targets: Any) -> tuple[Any, Any]:
        """Images (batch, height, width, channels) of single precision and shares of the classes (batch, classes)."""
        mixed = self._layer({"images": images, "labels": targets}, training=True)
        return mixed["images"], mixed["labels"]


def mixing_of(settings: ImageSettings) -> Mixing | None:
    """For trials of these settings; None where images stay as they are."""
    return None if settings.mixing == "none" else Mixing(settings.mixing)
