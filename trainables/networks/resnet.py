"""The residual network of study 002: blocks of two convolutions, biases everywhere, shortcuts without normalization.

It follows He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition (2016).
"""

from __future__ import annotations

from typing import Any

from keras import layers

from trainables.engines.layers import BatchNormalization
from trainables.networks.head import head
from trainables.settings.image import ImageSettings


def resnet(x: Any, settings: ImageSettings, num_classes: int) -> Any:
    """Return class probabilities from a 7x7 stem of `filters` and residual blocks.

    Two identity blocks come first, then a convolution block and an identity block at 2, 4 and 8 times the width.
    """
    width, momentum = settings.filters, settings.batch_norm_momentum
    x = layers.ReLU()(_normalised(x, momentum, width, 7, strides=2))
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    x = _block(_block(x, momentum, width), momentum, width)
    for times in (2, 4, 8):
        x = _block(_block(x, momentum, times * width, strides=2), momentum, times * width)
    return head(x, settings, num_classes)


def _block(x: Any, momentum: float, width: int, strides: int = 1) -> Any:
    """Return two 3x3 convolutions added to the input, which a 1x1 convolution reshapes where the strides need it."""
    shortcut = layers.Conv2D(width, 1, strides)(x) if strides > 1 else x
    y = layers.ReLU()(_normalised(x, momentum, width, 3, strides))
    return layers.ReLU()(layers.Add()([_normalised(y, momentum, width, 3), shortcut]))


def _normalised(x: Any, momentum: float, width: int, size: int, strides: int = 1) -> Any:
    return BatchNormalization(momentum=momentum)(layers.Conv2D(width, size, strides, padding="same")(x))
