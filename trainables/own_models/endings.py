"""Finds whether a model that was not compiled ends in probabilities, or in front of the softmax or sigmoid."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from trainables.compiled.eligible import is_plain
from trainables.data import Data
from trainables.engines.batches import first_inputs

_PROBABILITIES = ("softmax", "sigmoid", "hard_sigmoid")


def ends_in_logits(model: keras.Model, data: Data) -> bool:
    """Return whether the model ends in logits, the values in front of a softmax or sigmoid.

    The last layer tells where it has an activation. Otherwise the model is tried on noise, or on the first examples
    where they are not images: outputs outside 0 to 1 are not probabilities, and neither are outputs of several units
    that do not add up to 1 where the activation cannot be read.
    """
    last = _last_operation(model)
    if isinstance(last, keras.layers.Softmax) or type(last).__name__ in ("Softmax", "Sigmoid"):
        return False
    activation = getattr(getattr(last, "activation", None), "__name__", None)
    if activation in _PROBABILITIES:
        return False
    return activation == "linear" or _leaves_probabilities(model, data)


def _last_operation(model: Any) -> Any:
    """Return what computes the output, even inside nested models, or the model itself where that cannot be read."""
    if not is_plain(model):
        return model
    last = model.layers[-1] if isinstance(model, keras.Sequential) else model.outputs[0]._keras_history.operation
    return _last_operation(last) if isinstance(last, keras.Model) and last is not model else last


def _leaves_probabilities(model: keras.Model, data: Data) -> bool:
    given = first_inputs(data.train, 192)
    if not data.info.input_shapes:
        noise = np.random.default_rng(0).normal(size=(64, *given.shape[1:])).astype(np.float32)
        given = np.concatenate([noise * 255, noise * 1e4, np.abs(noise) * 100])
    outputs = np.asarray(model(given, training=False), np.float64)
    outputs = outputs[np.isfinite(outputs).all(axis=-1)]
    return bool((outputs < 0).any() or (outputs > 1 + 1e-5).any())
