"""Feeds examples to Keras' `fit`: batches gathered from the shared arrays by as many threads as the trial has cores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainables.data import Inputs, Split


@dataclass(frozen=True)
class Labels:
    """The form in which the loss expects the targets."""

    num_classes: int
    """Number of classes, or 0 where the targets are not classes."""
    one_hot: bool = False
    """Whether the targets have shape (images, classes) instead of (images,)."""

    def fits(self, units: int) -> bool:
        """Return whether a model with this many output units can tell the classes apart."""
        return units == self.num_classes or (units == 1 and self.num_classes == 2)


def is_arrays(outputs: Any) -> bool:
    """Return whether a model gave one array, rather than several."""
    return isinstance(outputs, np.ndarray)


def as_given(inputs: Inputs) -> Any:
    """Return inputs as a model gets them: pixels and fractions in single precision, whole numbers and text as is."""
    if isinstance(inputs, Mapping):
        return {name: as_given(array) for name, array in inputs.items()}
    if inputs.dtype.kind == "U":
        return np.char.encode(inputs, "utf-8")
    return inputs.astype(np.float32) if inputs.dtype.kind == "f" or inputs.dtype == np.uint8 else inputs


def first_inputs(split: Any, rows: int) -> Any:
    """Return the inputs of the first `rows` rows, or fewer, as a model gets them.

    A tf.data data set or a PyDataset of Keras gives those of its first batch.
    """
    if isinstance(split, Split):
        return as_given(split.rows(split.index[:rows])[0])
    batch = split[0] if isinstance(split, keras.utils.PyDataset) else next(iter(split))
    inputs = batch[0] if isinstance(batch, tuple) else batch
    return keras.tree.map_structure(lambda array: np.asarray(array)[:rows], inputs)


def batches(split: Any, batch_size: int, labels: Labels, cpus: int = 1, order: NDArray[np.int64] | None = None) -> Any:
    """Return batches of (inputs as a model gets them, targets) of the split in `order`, or in its own order with None.

    What is not a Split, a tf.data data set or a PyDataset of Keras, is returned unchanged, for `fit` to read.
    """
    if not isinstance(split, Split):
        return split
    rows = split.index if order is None else split.index[order]
    names = list(split.inputs) if isinstance(split.inputs, Mapping) else None

    def gathered(place: Any) -> Any:
        inputs, targets = split.rows(rows[int(place) * batch_size : (int(place) + 1) * batch_size])
        given = as_given(inputs)
        arrays = [given] if names is None else [given[name] for name in names]
        return [*arrays, targets.astype(np.int32 if labels.num_classes else np.float32)]

    examples = gathered(0)

    def batch(place: Any) -> Any:
        kinds = [tf.as_dtype("string" if array.dtype.kind == "S" else array.dtype) for array in examples]
        parts = tf.numpy_function(gathered, [place], kinds, stateful=False)
        *arrays, targets = (
            tf.ensure_shape(part, (None, *array.shape[1:])) for part, array in zip(parts, examples, strict=True)
        )
        wanted = tf.one_hot(targets, labels.num_classes) if labels.one_hot else targets
        return arrays[0] if names is None else dict(zip(names, arrays, strict=True)), wanted

    options = tf.data.Options()
    options.threading.private_threadpool_size = cpus
    options.threading.max_intra_op_parallelism = 1
    steps = -(-len(rows) // batch_size)
    return tf.data.Dataset.range(steps).map(batch).prefetch(1).with_options(options)
