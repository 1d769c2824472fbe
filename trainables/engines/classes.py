"""The classes of a data set: how much each one counts in training, and how well the test predictions find it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data import Split


def balanced_weights(train: Split, num_classes: int) -> NDArray[np.float32]:
    """Return the weight of each class, shape (classes,): images / (classes * images of the class).

    scikit-learn calls these weights `balanced`.
    """
    counts = np.bincount(train.labels[train.index], minlength=num_classes)
    return (len(train) / (num_classes * np.maximum(counts, 1))).astype(np.float32)


def class_columns(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], names: Sequence[str]
) -> dict[str, NDArray[Any] | list[str]]:
    """Return a table with one row for each class, which ends with its row of the confusion matrix.

    Its columns are `class, images, precision, recall, f1, baseline_accuracy` and one `predicted_NAME` for each class,
    which counts the images of the row's class that were taken for NAME. `baseline_accuracy`, the same in every row, is
    what always naming the largest class gives. A value is NaN where a class was never predicted, or has no images.
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
