"""Random changes of training images as Keras layers: active only in training, drawn from the trial's seed and epoch.

They follow the rescaling, and get its scale where it matters (noise).
"""

from __future__ import annotations

import keras
from keras import layers

_FACTOR = {"unit": 1 / 255, "symmetric": 2 / 255, "none": 1.0}


def rescaling(name: str) -> list[keras.layers.Layer]:
    """Return the layer that brings pixels 0 to 255 to the range of this name, in a list that is empty for "none"."""
    if name == "none":
        return []
    return [layers.Rescaling(_FACTOR[name], offset=-1.0 if name == "symmetric" else 0.0)]


def augmentation(name: str, scale: str) -> list[keras.layers.Layer]:
    """Return the layers of an augmentation for images rescaled to `scale`."""
    if name == "flip":
        return [layers.RandomFlip("horizontal")]
    if name == "flip_rotation":  # Study 001 uses it.
        return [layers.RandomFlip("horizontal"), layers.RandomRotation(0.2)]
    if name == "geometric":  # Study 000 uses it.
        return [
            layers.RandomRotation(40 / 360, fill_mode="nearest"),
            layers.RandomTranslation(0.2, 0.2, fill_mode="nearest"),
            # The shear is up to 0.2 to either side: Keras draws the side itself, and cannot read back the -0.2 that it
            # makes of 0.2.
            layers.RandomShear((0.0, 0.2), (0.0, 0.2), fill_mode="nearest"),
            layers.RandomZoom(0.2, fill_mode="nearest"),
            layers.RandomFlip("horizontal"),
        ]
    if name == "flip_rotation_zoom_noise":  # Study 002 uses it.
        return [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.2),
            layers.GaussianNoise(0.01 * _FACTOR[scale] * 255),
        ]
    return []
