"""The contract of an engine, which trains a model epoch by epoch; the compiled program and Keras' own `fit` keep it.

A trial is the same whichever engine it takes: the same order of images, reports, early stopping, checkpoints, best
weights and test. `eligible.py` says which models the compiled program trains exactly as `fit` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from trainables.data import Data, Split
from trainables.engines.initial_weights import Weights
from trainables.engines.layers import is_layer_graph
from trainables.errors import TrainableError
from trainables.settings.image import ImageSettings
from trainables.trial import Metrics

COMPILED, FIT = "compiled", "fit"
BEGINS_ANEW = "a trial that is cut off begins anew"
"""What `engine_reason` adds where the state of a training is not known."""
EVALUATED_AT_ONCE = 128
"""Number of images in one batch of an evaluation, unless the trial's batches are larger."""

State = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Evaluation:
    """What a model gives for the images of a split."""

    metrics: Metrics
    """Metrics by Keras' names, without a prefix such as `val_`."""
    outputs: Any
    """Outputs as the model gives them, one row for each image."""
    probabilities: NDArray[np.float32] | None
    """Probabilities of the classes, shape (images, classes), or None where the outputs do not stand for classes."""


class Engine(Protocol):
    """Trains one model, which has its initial weights when a trial gets the engine."""

    name: str
    """Name of the engine: `compiled` or `fit`."""
    model: keras.Model
    can_be_saved: bool
    """Whether `state` is all that the training needs to go on; if not, a trial that was cut off begins anew."""

    @property
    def stops(self) -> bool:
        """Whether a callback of the user's own has ended the training."""

    @property
    def optimizer(self) -> Any:
        """Keras' optimizer, whose learning rate the plateau rule sets."""

    def learning_rate(self) -> float:
        """Return the learning rate of the next step."""

    def seed_layers(self, seed: int, epoch: int) -> None:
        """Seed dropout and augmentation with what belongs to this epoch of this seed."""

    def train_epoch(self, data: Data, order: NDArray[np.int64], settings: ImageSettings) -> Metrics:
        """Train on the training images in this order, validate, and return the metrics by Keras' names."""

    def end_training(self) -> None:
        """End the training, after which there are no more epochs."""

    def evaluation(self, split: Split, batch_size: int) -> Evaluation:
        """Return metrics and outputs of a split at the present weights, without dropout and augmentation."""

    def get_weights(self) -> Weights:
        """Return the weights in the order of `model.weights`."""

    def set_weights(self, weights: Weights) -> None:
        """Set the weights, given in the order of `model.weights`."""

    def state(self) -> State:
        """Return everything on which the next step depends, apart from seeds and rates."""

    def restore(self, state: State) -> None:
        """Continue from what `state` returned."""


def evaluation_batch(settings: ImageSettings, model: keras.Model) -> int:
    """Return the number of images in one batch of an evaluation: that of the model, where its input says one.

    Only with it can a stateful layer go on from batch to batch.
    """
    inputs = model.inputs if is_layer_graph(model) else None
    fixed = keras.tree.flatten(inputs)[0].shape[0] if inputs else None
    return fixed or max(settings.batch_size, EVALUATED_AT_ONCE)


_COLUMNS = frozenset(
    {"epoch", "seconds", "stage", "train_images", "sample_size", "num_parameters", "num_trainable_parameters"}
)
"""Names of what each trial reports besides its losses and metrics."""


def check_metric_names(names: Iterable[str]) -> None:
    """Raise TrainableError where a metric of the user's own has the name of something else that is reported."""
    for name in sorted(_COLUMNS.intersection(names)):
        raise TrainableError(
            f"a metric of the model is called '{name}', as something else that each trial reports; expected another "
            "name for it."
        )


def as_probabilities(outputs: Any, *, logits: bool) -> NDArray[np.float32]:
    """Return probabilities, shape (images, classes), from softmax outputs or from one sigmoid unit.

    With `logits` the outputs are the values in front of the softmax or the sigmoid.
    """
    outputs = np.asarray(outputs, np.float32)
    if logits and outputs.shape[-1] == 1:
        outputs = 1 / (1 + np.exp(-np.clip(outputs, -80, 80)))
    elif logits:
        raised = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        outputs = raised / raised.sum(axis=-1, keepdims=True)
    return np.concatenate([1 - outputs, outputs], axis=1) if outputs.shape[-1] == 1 else outputs
