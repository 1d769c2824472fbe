"""The classes of a data set: how much each counts in training, and what test predictions say of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data import Split


def balanced_weights(train: Split, num_classes: int) -> NDArray[np.float32]:
    """Shape (classes,): images / (classes * images of the class), as scikit-learn's `balanced`."""
    counts = np.bincount(train.labels[train.index], minlength=num_classes)
    return (len(train) / (num_classes * np.maximum(counts, 1))).astype(np.float32)


def class_columns(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], names: Sequence[str]
) -> dict[str, NDArray[Any] | list[str]]:
    """One row a class: `class, images, precision, recall, f1, baseline_accuracy`, and the row of the confusion matrix.

    `predicted_NAME` counts the images of the row's class that were taken for NAME; `baseline_accuracy`, the same in
    every row, is what always naming the largest class gives. NaN where a class was never predicted, or never shown.
    """
    size = len(names)
    confusion = np.bincount(labels * size + predicted, minlength=size * size).reshape(size, size)
    right, shown, named = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall, f1 = right / named, right / shown, 2 * right / (shown + named)
    return {
        "class": list(names),
        "images": shown,
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "baseline_accuracy": np.full(size, shown.max() / max(shown.sum(), 1)),
        **{f"predicted_{name}": confusion[:, number] for number, name in enumerate(names)},
    }
