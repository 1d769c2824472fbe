"""Feeds examples to Keras' `fit`: batches gathered from the shared arrays by as many threads as the trial has cores."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainables.data import Inputs, Split
from trainables.datasets.arrays.functions import without_a_batch
from trainables.trial import LabelForm

_MOST_PIPELINES = 8
"""Number of pipelines that a feed keeps: a trial needs one for each length of a split."""
Form = tuple[tf.DType, tuple[int, ...]]
"""Type and shape of one example of an array."""


@dataclass(frozen=True)
class Labels:
    """The form in which the loss expects the targets."""

    num_classes: int
    """Number of classes, or 0 where the targets are not classes."""
    form: LabelForm = LabelForm.NUMBERS
    """Form of the classes, if there are any; other targets stay as they are."""

    def fits(self, units: int) -> bool:
        """Return whether a model with this many output units can tell the classes apart."""
        return units == self.num_classes or (units == 1 and self.num_classes == 2)

    def shaped(self, targets: NDArray[Any]) -> NDArray[Any]:
        """Return the targets of some rows in this form, class numbers as 64 bits, like those of NumPy."""
        if not self.num_classes:
            return targets
        if self.form == LabelForm.ONE_HOT:
            one_hot: NDArray[Any] = np.eye(self.num_classes, dtype=np.float32)[targets]
            return one_hot
        numbers = targets.astype(np.int64)
        return numbers[:, None] if self.form == LabelForm.COLUMN else numbers


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
    batch = split[0] if isinstance(split, keras.utils.PyDataset) else next(iter(split), None)
    if batch is None:
        raise without_a_batch(split)
    inputs = batch[0] if isinstance(batch, tuple) else batch
    return keras.tree.map_structure(lambda array: np.asarray(array)[:rows], inputs)


def check_gave_batches(split: Any, seen: bool, where: str) -> None:
    """Raise TrainableError where nothing was `seen` of a data set because it has no batch, or has none any more."""
    if not seen and not isinstance(split, Split) and next(iter(split), None) is None:
        raise without_a_batch(split, where)


@contextmanager
def told_as_by_one_fit(given: Any, *, is_first: bool) -> Iterator[None]:
    """Let a PyDataset of training hear of the ends of its epochs, within a call of `fit`, as if all were one call.

    Keras looks at the first batches before it trains, and tells the data set that this was the end of an epoch: once in
    a training, and so only in its first call. Data for validation are told so before every validation.
    """
    if not isinstance(given, keras.utils.PyDataset):
        yield
        return
    own, ends = given.on_epoch_end, itertools.count()

    def on_epoch_end() -> None:
        if next(ends) > 0 or is_first:
            own()

    given.on_epoch_end = on_epoch_end
    try:
        yield
    finally:
        vars(given).pop("on_epoch_end", None)


def tell_of_epochs(train: Any, validation: Any, epochs: int) -> None:
    """Tell each PyDataset, which is made anew, of the epochs that were trained before a trial was cut off.

    Keras tells data for validation before it validates that an epoch of theirs has ended, and afterwards once more.
    """
    for _ in range(epochs):
        if isinstance(train, keras.utils.PyDataset):
            train.on_epoch_begin()
            train.on_epoch_end()
        if isinstance(validation, keras.utils.PyDataset):
            validation.on_epoch_end()
            validation.on_epoch_begin()
            validation.on_epoch_end()


@lru_cache(maxsize=4)
def feeds(labels: Labels, cpus: int) -> tuple[Feed, Feed]:
    """Return what feeds training, and what feeds validation and test; trials in one process take turns with them."""
    return Feed(labels, cpus), Feed(labels, cpus)


class Feed:
    """Batches for `fit`, by a pipeline that is made once for all epochs, splits and trials of one form.

    A pipeline costs a trace, which would else be paid at every epoch. It asks the feed for each batch: what was asked
    for last must be taken before anything else is asked for.
    """

    def __init__(self, labels: Labels, cpus: int) -> None:
        """Give targets in the form of `labels`, by as many threads as there are cores."""
        self._labels, self._cpus = labels, cpus
        self._gathered: Callable[[int], list[NDArray[Any]]] = lambda _: []
        self._pipelines: dict[object, Any] = {}

    def batches(self, split: Any, batch_size: int, order: NDArray[np.int64] | None = None) -> Any:
        """Return batches of (inputs as a model gets them, targets) of the split in `order`, or in its own with None.

        What is not a Split, a tf.data data set or a PyDataset of Keras, is returned unchanged, for `fit` to read.
        """
        if not isinstance(split, Split):
            return split
        rows = split.index if order is None else split.index[order]
        names = tuple(split.inputs) if isinstance(split.inputs, Mapping) else None

        def gathered(place: int) -> list[NDArray[Any]]:
            inputs, targets = split.rows(rows[place * batch_size : (place + 1) * batch_size])
            given = as_given(inputs)
            wanted = self._labels.shaped(targets)
            return [*([given] if names is None else [given[name] for name in names]), wanted]

        self._gathered = gathered
        forms = tuple((_kind_of(array), array.shape[1:]) for array in gathered(0))
        steps = -(-len(rows) // batch_size)
        key = (forms, names, steps)
        if key not in self._pipelines:
            if len(self._pipelines) == _MOST_PIPELINES:
                del self._pipelines[next(iter(self._pipelines))]
            self._pipelines[key] = self._pipeline(forms, names, steps)
        return self._pipelines[key]

    def _pipeline(self, forms: tuple[Form, ...], names: tuple[str, ...] | None, steps: int) -> Any:
        def batch(place: Any) -> Any:
            kinds = [kind for kind, _ in forms]
            parts = tf.numpy_function(lambda at: self._gathered(int(at)), [place], kinds, stateful=False)
            *arrays, targets = (
                tf.ensure_shape(part, (None, *shape)) for part, (_, shape) in zip(parts, forms, strict=True)
            )
            return arrays[0] if names is None else dict(zip(names, arrays, strict=True)), targets

        options = tf.data.Options()
        options.threading.private_threadpool_size = self._cpus
        options.threading.max_intra_op_parallelism = 1
        options.autotune.enabled = False  # There is nothing to tune, and each epoch's iterator would be rewritten.
        options.experimental_optimization.apply_default_optimizations = False
        return tf.data.Dataset.range(steps).map(batch).prefetch(1).with_options(options)


def _kind_of(array: NDArray[Any]) -> tf.DType:
    return tf.as_dtype("string" if array.dtype.kind == "S" else array.dtype)
