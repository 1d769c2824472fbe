"""Feeds images to a compiled epoch: whole batches at a time, gathered from the shared arrays.

A data set that all trials of a node share as a memory map needs neither a copy for each process nor a pipeline with
threads of its own: gathering the rows of an epoch takes a few milliseconds per 10 MB. What is larger than one chunk
comes in several, with the same batches in the same order, so the size of a chunk changes no result.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trainables.data import Split

CHUNK_BYTES = 256 * 2**20
"""Number of bytes that the images of one chunk may take."""

Chunk = tuple[NDArray[np.uint8 | np.float32], NDArray[np.int32]]


def chunks(
    split: Split, batch_size: int, order: NDArray[np.int64] | None = None, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[Chunk]:
    """Yield images, shape (rows, height, width, channels), and labels, shape (rows,), of the split in `order`.

    All but the last chunk hold whole batches. A chunk holds at least one batch, however large that is.
    """
    rows = split.index if order is None else split.index[order]
    image_bytes = int(np.prod(split.images.shape[1:])) * split.images.dtype.itemsize
    step = max(1, chunk_bytes // (image_bytes * batch_size)) * batch_size
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        yield split.images[part], split.labels[part].astype(np.int32)
