"""Convolutions one after another: the four-block network of study 000, and Simple and Mid of study 002."""

from __future__ import annotations

from typing import Any

from keras import layers

from trainables.networks.convolution import convolution, padding_for
from trainables.networks.head import dropout, head
from trainables.settings.image import ImageSettings


def four_conv(x: Any, settings: ImageSettings, num_classes: int) -> Any:
    """Return class probabilities from four convolutions, each pooled, of 1, 2, 4 and 4 times `filters`."""
    size = settings.kernel_size
    padding = padding_for(x, [(size,)] * 4)
    for times in (1, 2, 4, 4):
        x = convolution(x, times * settings.filters, size, padding)
        x = dropout(layers.MaxPooling2D()(x), settings)
    return head(x, settings, num_classes)


def simple(x: Any, settings: ImageSettings, num_classes: int) -> Any:
    """Return class probabilities from 32 filters of 3x3, pooled, and `filters` of `kernel_size`, not pooled."""
    padding = padding_for(x, [(3,), (settings.kernel_size,)])
    x = dropout(layers.MaxPooling2D()(convolution(x, 32, 3, padding)), settings)
    x = dropout(convolution(x, settings.filters, settings.kernel_size, padding), settings)
    return head(x, settings, num_classes)


def mid(x: Any, settings: ImageSettings, num_classes: int) -> Any:
    """Return class probabilities from three blocks of two convolutions and a pooling, of 1, 2 and 4 times `filters`."""
    size = settings.kernel_size
    padding = padding_for(x, [(size, size)] * 3)
    for times in (1, 2, 4):
        for _ in range(2):
            x = convolution(x, times * settings.filters, size, padding)
        x = dropout(layers.MaxPooling2D()(x), settings)
    return head(x, settings, num_classes)
