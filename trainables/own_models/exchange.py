"""Makes a user's Keras model ready for compiled programs: its dropout and batch normalization become ours.

Two models share a program when their layers, all of them Keras' own, are configured alike except for names, seeds and
dropout rates.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from trainables.data import Data, Split
from trainables.engines.batches import first_inputs
from trainables.engines.layers import BatchNormalization, Dropout, is_layer_graph, leaves, output_shape
from trainables.errors import TrainableError

Kind = tuple[object, ...]
"""Shape, type, whether it is trained, regularizer and constraint of a weight."""


def checked(model: Any, data: Data) -> keras.Model:
    """Return the model, built; raises TrainableError where it is not a model or its outputs do not fit the classes.

    For a compiled model, its outputs are a matter of its own loss and labels and are not checked.
    """
    if not isinstance(model, keras.Model):
        raise TrainableError(f"build gave a {type(model).__name__}; expected a keras.Model.")
    if not model.built:
        _build(model, data)
    if model.compiled:
        return model
    classes = data.info.num_classes
    if not classes:
        raise TrainableError(
            f"'{data.info.name}' gives no classes, and the model that build gave is not compiled; expected one that is "
            "compiled with the loss that its targets want, such as mean_squared_error."
        )
    outputs = shape_of_outputs(model, data)
    if outputs not in [(None, classes), *([(None, 1)] if classes == 2 else [])]:
        raise TrainableError(
            f"the model that build gave ends in shape {outputs}; expected (None, {classes}), a unit for each class of "
            f"'{data.info.name}'{', or (None, 1)' if classes == 2 else ''}, or a model that is compiled with its loss."
        )
    return model


def _build(model: keras.Model, data: Data) -> None:
    """Give the model its weights, for batches of any size; a call on one batch would fix the size."""
    if not isinstance(model, keras.Sequential):
        model(first_inputs(data.train, 1))
        return
    given = first_inputs(data.train, 1)
    if is_text(given):
        model(given)  # Keras' `build` knows only numbers.
    else:
        model.build((None, *given.shape[1:]))


def is_text(given: Any) -> bool:
    """Return whether a model is given one array of text."""
    return isinstance(given, np.ndarray) and given.dtype.kind in "SO"


def shape_of_outputs(model: keras.Model, data: Data) -> Any:
    """Return the output shape of a built model for batches of any size: (None, units), or all shapes in its order."""
    if is_layer_graph(model):
        return model.output_shape
    if isinstance(data.train, Split) and not isinstance(data.train.inputs, Mapping):
        return output_shape(model, data.train.inputs.shape[1:])
    return keras.tree.map_structure(lambda output: (None, *output.shape[1:]), model(first_inputs(data.train, 2)))


def units_of(model: keras.Model, data: Data) -> int | None:
    """Return the units of a built model's only output (rows, units), or None where it gives something else."""
    shape = shape_of_outputs(model, data)
    return shape[1] if isinstance(shape, tuple) and len(shape) == 2 else None


def structure_of(model: keras.Model) -> str:
    """Return a text that is equal for models that can share a program, among those that may have one."""
    config = model.get_config()
    names = {name: f"#{number}" for number, name in enumerate(_names(config))}
    return json.dumps(_neutral(config, names), sort_keys=True, default=str)


class OtherWeights(Exception):
    """The settings of a model's layers would make other weights than it has; the message says which, in words."""


def kinds_of(model: keras.Model) -> tuple[Kind, ...]:
    """Return what a training step goes by in each weight, besides its values."""
    return tuple(_kind_of(weight) for weight in model.weights)


def adapted(model: keras.Model) -> keras.Model:
    """Return the same network with our layers in place of Keras' dropout and batch normalization, and new weights.

    Raises OtherWeights where these are of other kinds: a weight that was frozen or regularized by itself is not made so
    from the settings of its layer, and a setting that its layer got later has not changed it.
    """
    copy = keras.models.clone_model(model, clone_function=_exchange, recursive=True)
    for weight, made in itertools.zip_longest(model.weights, copy.weights):
        if weight is None or made is None or _kind_of(weight) != _kind_of(made):
            path = (made if weight is None else weight).path
            raise OtherWeights(f"its weight '{path}' is not what the settings of its layer would make")
    return copy


def _kind_of(weight: Any) -> Kind:
    rules = (_described(weight.regularizer), _described(weight.constraint))
    return (tuple(weight.shape), str(weight.dtype), bool(weight.trainable), *rules)


def _described(rule: Any) -> object:
    """Return a regularizer or constraint of Keras as text, so that it equals its copies; any other one as it is."""
    is_of_keras = type(rule).__module__.startswith("keras.")
    return f"{type(rule).__name__} {sorted(rule.get_config().items())}" if is_of_keras else rule


def rates_of(model: keras.Model) -> list[float]:
    """Return the rates of the layers that `adapted` exchanges, in its order."""
    return [layer.rate for layer in leaves(model) if _is_plain_dropout(layer)]


def _exchange(layer: Any) -> Any:
    if _is_plain_dropout(layer):
        config = {name: value for name, value in layer.get_config().items() if name != "noise_shape"}
        return Dropout.from_config(config)
    if type(layer) is keras.layers.BatchNormalization:
        return BatchNormalization.from_config(layer.get_config())
    return type(layer).from_config(layer.get_config())


def _is_plain_dropout(layer: Any) -> bool:
    return type(layer) is keras.layers.Dropout and layer.noise_shape is None


def _names(config: Any) -> list[str]:
    """Return the names of the model and its layers, in the order of the configuration."""
    if isinstance(config, Mapping):
        own = [config["name"]] if isinstance(config.get("name"), str) else []
        return own + [name for value in config.values() for name in _names(value)]
    if isinstance(config, list | tuple):
        return [name for value in config for name in _names(value)]
    return []


def _neutral(config: Any, names: Mapping[str, str]) -> Any:
    """Return the configuration with placeholders for names, and without seeds and dropout rates."""
    if isinstance(config, Mapping):
        dropped = {"seed", "rate"} if "noise_shape" in config and config["noise_shape"] is None else {"seed"}
        return {str(key): _neutral(value, names) for key, value in config.items() if key not in dropped}
    if isinstance(config, list | tuple):
        return [_neutral(value, names) for value in config]
    return names.get(config, config) if isinstance(config, str) else config
