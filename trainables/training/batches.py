"""Images on their way into Keras' `fit`: gathered batch by batch from the shared arrays, with as many threads as the
trial has cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainables.data import Split


@dataclass(frozen=True)
class Labels:
    """How the loss wants the class numbers."""

    num_classes: int
    one_hot: bool = False
    """Shape (images, classes) in place of (images,)."""

    def fits(self, units: int) -> bool:
        """Whether outputs of so many units can stand for the classes."""
        return units == self.num_classes or (units == 1 and self.num_classes == 2)


def is_arrays(outputs: Any) -> bool:
    """Whether a model gave one array, and not several."""
    return isinstance(outputs, np.ndarray)


def batches(split: Any, batch_size: int, labels: Labels, cpus: int = 1, order: NDArray[np.int64] | None = None) -> Any:
    """Batches of (images in single precision, labels) of the split in `order`, its own where None is given.

    What is no Split is given to `fit` as it is: a tf.data data set, or a PyDataset of Keras.
    """
    if not isinstance(split, Split):
        return split
    rows = split.index if order is None else split.index[order]
    shape = split.images.shape[1:]

    def gathered(place: Any) -> Any:
        part = rows[int(place) * batch_size : (int(place) + 1) * batch_size]
        return split.images[part].astype(np.float32), split.labels[part].astype(np.int32)

    def batch(place: Any) -> Any:
        images, numbers = tf.numpy_function(gathered, [place], [tf.float32, tf.int32], stateful=False)
        numbers = tf.ensure_shape(numbers, (None,))
        wanted = tf.one_hot(numbers, labels.num_classes) if labels.one_hot else numbers
        return tf.ensure_shape(images, (None, *shape)), wanted

    options = tf.data.Options()
    options.threading.private_threadpool_size = cpus
    options.threading.max_intra_op_parallelism = 1
    steps = -(-len(rows) // batch_size)
    return tf.data.Dataset.range(steps).map(batch).prefetch(1).with_options(options)
