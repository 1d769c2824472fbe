"""Brings an image to the size that a network asks for."""

from __future__ import annotations

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from trainables.datasets.catalogue import Image, Size


def resized(image: Image, size: Size) -> Image:
    """Return the image, shape (height, width, 1 or 3), at (height, width) `size`; the aspect ratio is not kept.

    The resizing is bilinear, and antialiased for a smaller size (Pillow's BILINEAR averages all pixels that a new one
    covers).
    """
    if image.shape[:2] == size:
        return image
    picture = PIL.Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    return pixels(picture.resize((size[1], size[0]), PIL.Image.Resampling.BILINEAR))


def pixels(picture: PIL.Image.Image) -> NDArray[np.uint8]:
    """Return the picture as an array of shape (height, width, channels)."""
    array = np.asarray(picture, np.uint8)
    return array[:, :, None] if array.ndim == 2 else array
