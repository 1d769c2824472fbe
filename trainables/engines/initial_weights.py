"""Initial weights from a seed and the layers' own initializers, the same for a new model as for one that is reused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from trainables.engines.layers import leaves
from trainables.engines.seeds import Stream, derived_seed

Weights = list[NDArray[np.generic]]


def initial_weights(model: keras.Model, seed: int, first: int = 0) -> Weights:
    """Return initial values of `model.weights` from position `first` on, in order; each has its own random numbers."""
    initializers = dict(_initializers(model))
    return [
        _values(initializers[weight.path], tuple(weight.shape), derived_seed(seed, Stream.WEIGHTS, position))
        for position, weight in enumerate(model.weights[first:])
    ]


def _initializers(model: keras.Model) -> Iterator[tuple[str, Any]]:
    """Yield the path of every weight with its layer's initializer for it."""
    for layer in leaves(model):
        for weight in layer.weights:
            yield weight.path, _initializer(layer, weight.name)


def _initializer(layer: Any, weight_name: str) -> Any:
    """Return the layer's initializer for a weight.

    By Keras' convention `kernel_initializer` fills `kernel`, and `depthwise_initializer` fills `depthwise_kernel`,
    which a depthwise convolution calls `kernel` too.
    """
    names = [f"{weight_name}_initializer", f"{weight_name.removesuffix('_kernel')}_initializer"]
    names += ["depthwise_initializer"] if weight_name == "kernel" else []
    found = next((getattr(layer, name) for name in names if hasattr(layer, name)), None)
    assert found is not None, f"layer {layer.name} names no initialiser for its weight {weight_name}"
    return found


def _values(initializer: Any, shape: tuple[int, ...], seed: int) -> NDArray[np.generic]:
    if isinstance(initializer, keras.initializers.Zeros):
        return np.zeros(shape, np.float32)
    if isinstance(initializer, keras.initializers.Ones):
        return np.ones(shape, np.float32)
    config = initializer.get_config()
    seeded = initializer.from_config({**config, "seed": seed} if "seed" in config else config)
    return np.asarray(seeded(shape, dtype="float32"))
