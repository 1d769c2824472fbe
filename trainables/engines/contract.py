"""What trains a model epoch by epoch: one contract, kept by the compiled program and by Keras' own `fit`.

A trial is the same whichever engine it takes: the same order of images, reports, early stopping, checkpoints, best
weights and test. `eligible.py` says which models the compiled program trains exactly as `fit` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from trainables.data import Data, Split
from trainables.engines.initial_weights import Weights
from trainables.settings.image import ImageSettings
from trainables.trial import Metrics

COMPILED, FIT = "compiled", "fit"
EVALUATED_AT_ONCE = 128
"""Images per batch of an evaluation, unless the trial's batches are larger."""

State = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Evaluation:
    """What a model makes of a split."""

    metrics: Metrics
    """By Keras' names, without a prefix."""
    outputs: Any
    """As the model gives them, one row an image."""
    probabilities: NDArray[np.float32] | None
    """Of the classes, shape (images, classes); None where the outputs say nothing of classes."""


class Engine(Protocol):
    """Trains one model; stands at its initial weights when a trial gets it."""

    name: str
    """`compiled` or `fit`."""
    model: keras.Model
    can_be_saved: bool
    """Whether `state` is all that the training needs to go on; else a trial that was cut off begins anew."""

    @property
    def optimizer(self) -> Any:
        """Keras' optimizer: the plateau rule sets its learning rate."""

    def learning_rate(self) -> float:
        """At the next step."""

    def seed_layers(self, seed: int, epoch: int) -> None:
        """Let dropout and augmentation draw, from here on, what belongs to this epoch of this seed."""

    def train_epoch(self, data: Data, order: NDArray[np.int64], settings: ImageSettings) -> Metrics:
        """Train on the training images in this order, validate: metrics by Keras' names."""

    def evaluation(self, split: Split, batch_size: int) -> Evaluation:
        """Metrics and outputs of a split at the present weights, without dropout and augmentation."""

    def get_weights(self) -> Weights:
        """In the order of `model.weights`."""

    def set_weights(self, weights: Weights) -> None:
        """Take weights in the order of `model.weights`."""

    def state(self) -> State:
        """Everything that the next step depends on, apart from seeds and rates."""

    def restore(self, state: State) -> None:
        """Go on from what `state` gave."""


def evaluation_batch(settings: ImageSettings) -> int:
    """Images per batch of an evaluation."""
    return max(settings.batch_size, EVALUATED_AT_ONCE)


def as_probabilities(outputs: Any, *, logits: bool) -> NDArray[np.float32]:
    """Shape (images, classes), from softmax outputs or one sigmoid unit, or from what comes before either."""
    outputs = np.asarray(outputs, np.float32)
    if logits and outputs.shape[-1] == 1:
        outputs = 1 / (1 + np.exp(-np.clip(outputs, -80, 80)))
    elif logits:
        raised = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        outputs = raised / raised.sum(axis=-1, keepdims=True)
    return np.concatenate([1 - outputs, outputs], axis=1) if outputs.shape[-1] == 1 else outputs
