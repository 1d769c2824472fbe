"""Convolutions as the published networks have them: valid, and padded only where small images leave no choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import layers


def padding_for(x: Any, blocks: Sequence[Sequence[int]]) -> str:
    """Return "valid" if the images survive it through all blocks, else "same".

    Each block lists the kernel sizes of its convolutions; its end halves the images.
    """
    side = min(x.shape[1:3])
    for kernel_sizes in blocks:
        side = (side - sum(kernel_sizes) + len(kernel_sizes)) // 2
    return "valid" if side >= 1 else "same"


def convolution(x: Any, filters: int, size: int, padding: str = "same", strides: int = 1) -> Any:
    """Return the output of a convolution with relu."""
    return layers.Conv2D(filters, size, strides, padding, activation="relu")(x)
