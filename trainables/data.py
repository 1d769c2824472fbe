"""The data of one trial: three disjoint splits as views on arrays that all trials of a node share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.trial import DatasetInfo


@dataclass(frozen=True)
class Split:
    """The rows `index` of `images` and `labels`; the arrays may be memory-mapped and larger than the split."""

    images: NDArray[np.uint8]
    """Shape (rows, height, width, channels), values 0 to 255."""
    labels: NDArray[np.int64]
    """Shape (rows,), class numbers from 0."""
    index: NDArray[np.int64]
    """Shape (n,), the rows that belong to this split; nested sample sizes are prefixes of one order."""

    def __len__(self) -> int:
        return len(self.index)

    def take(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The split's own images, shape (n, height, width, channels), and labels, shape (n,), in memory."""
        return self.images[self.index], self.labels[self.index]


@dataclass(frozen=True)
class Data:
    """Train, validation and test: disjoint, stratified, decided by the split seed alone."""

    train: Split
    validation: Split
    test: Split
    info: DatasetInfo
