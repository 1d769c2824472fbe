"""Random changes of training images as Keras layers: active only in training, drawn from the trial's seed and epoch.

They follow the rescaling, and get its scale where it matters (noise).
"""

from __future__ import annotations

import keras
from keras import layers

from trainables.settings.image import ImageSettings

_FACTOR = {"unit": 1 / 255, "symmetric": 2 / 255, "none": 1.0}


def rescaling(name: str) -> list[keras.layers.Layer]:
    """Return the layer that brings pixels 0 to 255 to the range of this name, in a list that is empty for "none"."""
    if name == "none":
        return []
    return [layers.Rescaling(_FACTOR[name], offset=-1.0 if name == "symmetric" else 0.0)]


def augmentation(settings: ImageSettings, scale: str, image_shape: tuple[int, ...]) -> list[keras.layers.Layer]:
    """Return the layers that change training images at random, for images rescaled to `scale`."""
    return [*_random_crop(settings.random_crop, scale, image_shape), *_named(settings.augmentation, scale)]


def _random_crop(padding: int, scale: str, image_shape: tuple[int, ...]) -> list[keras.layers.Layer]:
    """Return what pads each image with black and crops it back at a place of its own: it moves by whole pixels.

    Keras' RandomCrop takes one place for all images of a batch, and in version 3.15 crops nothing outside of training.
    """
    if not padding:
        return []
    height, width = image_shape[:2]
    black = -1.0 if scale == "symmetric" else 0.0
    return [
        layers.RandomTranslation(
            padding / height, padding / width, fill_mode="constant", fill_value=black, interpolation="nearest"
        )
    ]


def _named(name: str, scale: str) -> list[keras.layers.Layer]:
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
