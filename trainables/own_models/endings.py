"""Finds whether a model that was not compiled ends in probabilities, or in front of the softmax or sigmoid."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from trainables.compiled.eligible import last_operation
from trainables.data import Data
from trainables.engines.batches import first_inputs

_PROBABILITIES = ("softmax", "sigmoid", "hard_sigmoid")


def ends_in_logits(model: keras.Model, data: Data) -> bool:
    """Return whether the model ends in logits, the values in front of a softmax or sigmoid.

    The last layer tells where it has an activation. Otherwise the model is tried on noise, or on the first examples
    where they are not images: outputs outside 0 to 1 are not probabilities.
    """
    known = _read_from_the_end(model)
    if known is not None:
        return known
    given = first_inputs(data.train, 192)
    return _leaves_probabilities(model, given if data.info.input_shapes else _noise(given.shape[1:]))


def gives_logits(model: keras.Model, size: tuple[int, int]) -> bool:
    """Return the same for a stored model of pictures of this height and width, which has no data with it."""
    known = _read_from_the_end(model)
    return _leaves_probabilities(model, _noise((*size, model.input_shape[-1]))) if known is None else known


def _read_from_the_end(model: keras.Model) -> bool | None:
    """Return whether the last operation leaves logits, or None where it does not say."""
    last = last_operation(model)
    if isinstance(last, keras.layers.Softmax) or type(last).__name__ in ("Softmax", "Sigmoid"):
        return False
    activation = getattr(getattr(last, "activation", None), "__name__", None)
    return False if activation in _PROBABILITIES else True if activation == "linear" else None


def _noise(shape: tuple[int, ...]) -> NDArray[np.float32]:
    noise = np.random.default_rng(0).normal(size=(64, *shape)).astype(np.float32)
    return np.concatenate([noise * 255, noise * 1e4, np.abs(noise) * 100])


def _leaves_probabilities(model: keras.Model, given: Any) -> bool:
    """Return whether the outputs leave the range 0 to 1, and so are not probabilities."""
    if _are_outside(model, given):
        return True
    initial = model.get_weights()
    draw = np.random.default_rng(0)
    # Weights that begin with zeros hide what the model computes; no weights make a softmax or sigmoid leave the range.
    for variable in model.trainable_variables:
        variable.assign(variable.numpy() + draw.normal(size=variable.shape))
    found = _are_outside(model, given)
    model.set_weights(initial)
    return found


def _are_outside(model: keras.Model, given: Any) -> bool:
    outputs = np.asarray(model(given, training=False), np.float64)
    outputs = outputs[np.isfinite(outputs).all(axis=-1)]
    return bool((outputs < 0).any() or (outputs > 1 + 1e-5).any())
