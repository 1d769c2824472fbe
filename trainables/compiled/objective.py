"""What a compiled program minimizes and counts: loss and correctness, by class numbers or by shares of classes."""

from __future__ import annotations

from typing import Any, Protocol

import keras
import tensorflow as tf

from trainables.engines.mixing import Mixing, mixing_of
from trainables.settings.image import ImageSettings


class Objective(Protocol):
    """Compares the outputs for a batch with the classes of its images."""

    def start(self, settings: ImageSettings) -> None:
        """Take the settings of a trial."""

    def seed(self, seed: int, epoch: int) -> None:
        """Seed what is random with what belongs to this epoch of this seed."""

    def begin(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """Return the images of a batch and their targets as a training step takes them."""

    def targets(self, labels: Any) -> Any:
        """Return the targets where nothing is trained, as in a validation."""

    def classes(self, targets: Any) -> Any:
        """Return the class of each image, which decides its weight."""

    def loss(self, targets: Any, outputs: Any, sample_weight: Any = None) -> Any:
        """Return the mean loss over the batch."""

    def correct(self, targets: Any, outputs: Any) -> Any:
        """Return 1 for each image that is right, and 0 for each other one."""


class ClassNumbers:
    """Compares softmax outputs or one sigmoid unit with class numbers; with `logits`, what comes before either."""

    def __init__(self, units: int, *, logits: bool) -> None:
        self._is_binary = units == 1
        self._threshold = 0.0 if logits else 0.5
        kind = keras.losses.BinaryCrossentropy if units == 1 else keras.losses.SparseCategoricalCrossentropy
        self._loss = kind(from_logits=logits)

    def start(self, settings: ImageSettings) -> None:
        """Do nothing, because nothing differs from trial to trial."""

    def seed(self, seed: int, epoch: int) -> None:
        """Do nothing, because nothing is random."""

    def begin(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """Return both unchanged."""
        return images, labels

    def targets(self, labels: Any) -> Any:
        """Return the class numbers."""
        return labels

    def classes(self, targets: Any) -> Any:
        """Return the class numbers."""
        return targets

    def loss(self, targets: Any, outputs: Any, sample_weight: Any = None) -> Any:
        """Return Keras' cross-entropy."""
        return self._loss(targets[:, None] if self._is_binary else targets, outputs, sample_weight=sample_weight)

    def correct(self, targets: Any, outputs: Any) -> Any:
        """Return 1 where an image is right and 0 elsewhere, as Keras' accuracy counts it."""
        if self._is_binary:
            return keras.metrics.binary_accuracy(targets[:, None], outputs, self._threshold)
        return keras.metrics.sparse_categorical_accuracy(targets, outputs)


class ClassShares:
    """Compares softmax outputs with shares of the classes: smoothed labels, or those of mixed images.

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
        """Seed the mixing with what belongs to this epoch of this seed."""
        if self._mixing is not None:
            self._mixing.seed(seed, epoch)

    def begin(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """Return images and shares of the classes, mixed where there is mixing."""
        targets = self.targets(labels)
        return (images, targets) if self._mixing is None else self._mixing(tf.cast(images, tf.float32), targets)

    def targets(self, labels: Any) -> Any:
        """Return shares of 1 for the class of each image, shape (batch, classes)."""
        return tf.one_hot(labels, self._classes)

    def classes(self, targets: Any) -> Any:
        """Return the class with the largest share."""
        return tf.argmax(targets, axis=-1)

    def loss(self, targets: Any, outputs: Any, sample_weight: Any = None) -> Any:
        """Return Keras' cross-entropy with `label_smoothing`, which is a variable here."""
        smoothing = self._smoothing.read_value()
        smoothed = targets * (1.0 - smoothing) + smoothing / self._classes
        return self._loss(smoothed, outputs, sample_weight=sample_weight)

    def correct(self, targets: Any, outputs: Any) -> Any:
        """Return 1 where an image is right and 0 elsewhere, as Keras' accuracy counts it."""
        return keras.metrics.categorical_accuracy(targets, outputs)


def objective_of(settings: ImageSettings, units: int, *, logits: bool) -> Objective:
    """Return the objective of trials with these settings."""
    if settings.has_shares:
        return ClassShares(units, mixing_of(settings))
    return ClassNumbers(units, logits=logits)
