"""What a compiled program minimises and counts: loss and correctness of classes, of numbers or of shares of them."""

from __future__ import annotations

from typing import Any, Protocol

import keras
import tensorflow as tf

from trainables.engines.mixing import Mixing, mixing_of
from trainables.settings.image import ImageSettings


class Objective(Protocol):
    """How outputs are held against the classes of a batch."""

    def start(self, settings: ImageSettings) -> None:
        """Take the settings of a trial."""

    def seed(self, seed: int, epoch: int) -> None:
        """Draw, from here on, what belongs to this epoch of this seed."""

    def begin(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """A batch to train on, with what the outputs are to come near to."""

    def targets(self, labels: Any) -> Any:
        """What they are to come near to where nothing is trained."""

    def classes(self, targets: Any) -> Any:
        """The class of each image, by which it is weighed."""

    def loss(self, targets: Any, outputs: Any, sample_weight: Any = None) -> Any:
        """The mean over the batch."""

    def correct(self, targets: Any, outputs: Any) -> Any:
        """1 where an image is right, else 0."""


class ClassNumbers:
    """Softmax outputs, or one sigmoid unit, or what comes before either, against the numbers of the classes."""

    def __init__(self, units: int, *, logits: bool) -> None:
        self._is_binary = units == 1
        self._threshold = 0.0 if logits else 0.5
        kind = keras.losses.BinaryCrossentropy if units == 1 else keras.losses.SparseCategoricalCrossentropy
        self._loss = kind(from_logits=logits)

    def start(self, settings: ImageSettings) -> None:
        """Nothing of it differs from trial to trial."""

    def seed(self, seed: int, epoch: int) -> None:
        """Nothing is drawn."""

    def begin(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """As they are."""
        return images, labels

    def targets(self, labels: Any) -> Any:
        """The numbers."""
        return labels

    def classes(self, targets: Any) -> Any:
        """The numbers."""
        return targets

    def loss(self, targets: Any, outputs: Any, sample_weight: Any = None) -> Any:
        """Keras' cross-entropy."""
        return self._loss(targets[:, None] if self._is_binary else targets, outputs, sample_weight=sample_weight)

    def correct(self, targets: Any, outputs: Any) -> Any:
        """As Keras' accuracy has it."""
        if self._is_binary:
            return keras.metrics.binary_accuracy(targets[:, None], outputs, self._threshold)
        return keras.metrics.sparse_categorical_accuracy(targets, outputs)


class ClassShares:
    """Softmax outputs against shares of the classes: smoothed labels, or those of mixed images.

    As under Keras' `fit` with CategoricalCrossentropy, labels are smoothed in the loss of validation and test, too.
    """

    def __init__(self, classes: int, mixing: Mixing | None) -> None:
        self._classes, self._mixing = classes, mixing
        self._smoothing = tf.Variable(0.0, trainable=False, dtype="float32", name="label_smoothing")
        self._loss = keras.losses.CategoricalCrossentropy()

    def start(self, settings: ImageSettings) -> None:
        """Take smoothing and mixing of a trial."""
        self._smoothing.assign(settings.label_smoothing)
        if self._mixing is not None:
            self._mixing.start(settings)

    def seed(self, seed: int, epoch: int) -> None:
        """Of the mixing."""
        if self._mixing is not None:
            self._mixing.seed(seed, epoch)

    def begin(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """Mixed, where there is mixing."""
        targets = self.targets(labels)
        return (images, targets) if self._mixing is None else self._mixing(tf.cast(images, tf.float32), targets)

    def targets(self, labels: Any) -> Any:
        """1 for the class of each image, shape (batch, classes)."""
        return tf.one_hot(labels, self._classes)

    def classes(self, targets: Any) -> Any:
        """The one with the largest share."""
        return tf.argmax(targets, axis=-1)

    def loss(self, targets: Any, outputs: Any, sample_weight: Any = None) -> Any:
        """Keras' cross-entropy with `label_smoothing`, which is a variable here."""
        smoothing = self._smoothing.read_value()
        smoothed = targets * (1.0 - smoothing) + smoothing / self._classes
        return self._loss(smoothed, outputs, sample_weight=sample_weight)

    def correct(self, targets: Any, outputs: Any) -> Any:
        """As Keras' accuracy has it."""
        return keras.metrics.categorical_accuracy(targets, outputs)


def objective_of(settings: ImageSettings, units: int, *, logits: bool) -> Objective:
    """For trials of these settings."""
    if settings.has_shares:
        return ClassShares(units, mixing_of(settings))
    return ClassNumbers(units, logits=logits)
