"""Builds a Keras model from settings: rescaling, augmentation, network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from trainables.networks.augmentation import augmentation, rescaling
from trainables.networks.inception import inception
from trainables.networks.plain_stacks import four_conv, mid, simple
from trainables.networks.resnet import resnet
from trainables.networks.two_conv import two_conv
from trainables.settings.checks import check_side
from trainables.settings.image import ImageSettings

Network = Callable[[Any, ImageSettings, int], Any]
"""Function (rescaled images, settings, number of classes) that gives class probabilities."""

NETWORKS: dict[str, Network] = {
    "two_conv": two_conv,
    "four_conv": four_conv,
    "simple": simple,
    "mid": mid,
    "resnet": resnet,
    "inception": inception,
}


def build_model(settings: ImageSettings, image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Return the model of the settings, which takes pixels 0 to 255. Raises TrainableError for too small images."""
    check_side(settings.network, min(image_shape[:2]))
    inputs = x = keras.Input(image_shape)
    scale = settings.rescaling
    for layer in (*rescaling(scale), *augmentation(settings, scale, image_shape)):
        x = layer(x)
    return keras.Model(inputs, NETWORKS[settings.network](x, settings, num_classes), name=settings.network)
