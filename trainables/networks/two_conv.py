"""Two convolutions with pooling: studies 003 (batch normalization after the relu), 001 (none) and 004 (before it)."""

from __future__ import annotations

from typing import Any

from keras import layers

from trainables.engines.layers import BatchNormalization
from trainables.networks.convolution import padding_for
from trainables.networks.head import dropout, head
from trainables.settings.image import ImageSettings


def two_conv(x: Any, settings: ImageSettings, num_classes: int) -> Any:
    """Return class probabilities from 32 filters of 3x3 and `filters` of `kernel_size`, each pooled."""
    padding = padding_for(x, [(3,), (settings.kernel_size,)])
    for filters, size in ((32, 3), (settings.filters, settings.kernel_size)):
        x = layers.Conv2D(filters, size, padding=padding)(x)
        x = BatchNormalization(momentum=settings.batch_norm_momentum)(x) if settings.batch_norm == "before_relu" else x
        x = layers.ReLU()(x)
        x = BatchNormalization(momentum=settings.batch_norm_momentum)(x) if settings.batch_norm == "after_relu" else x
        x = layers.MaxPooling2D()(x)
        x = dropout(x, settings)
    return head(x, settings, num_classes)
