"""The inception network of study 002: three blocks of parallel convolutions, then a wide hidden layer.

The study prints 14.6 million parameters and no widths. These are blocks 4b, 4c and 4d of GoogLeNet (Szegedy et al.,
Going Deeper with Convolutions, 2015) after its stem, which gives 14,618,837 at 100x100x3 and five classes.
"""

from __future__ import annotations

from typing import Any

from keras import layers

from trainables.networks.convolution import convolution
from trainables.networks.head import head
from trainables.settings.image import ImageSettings

_BLOCKS = ((160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64))
"""Numbers of filters: 1x1; 1x1 before 3x3, and 3x3; 1x1 before 5x5, and 5x5; 1x1 after the pooling."""


def inception(x: Any, settings: ImageSettings, num_classes: int) -> Any:
    """Return class probabilities from a 7x7 stem of `filters` and three blocks, with pooling between them."""
    x = convolution(x, settings.filters, 7, "valid", strides=2)
    for block in _BLOCKS:
        x = _block(layers.MaxPooling2D()(x), *block)
    return head(x, settings, num_classes)


def _block(x: Any, *filters: int) -> Any:
    one, before_three, three, before_five, five, pooled = filters
    branches = [
        convolution(x, one, 1),
        convolution(convolution(x, before_three, 1), three, 3),
        convolution(convolution(x, before_five, 1), five, 5),
        convolution(layers.MaxPooling2D(3, 1, padding="same")(x), pooled, 1),
    ]
    return layers.Concatenate()(branches)
