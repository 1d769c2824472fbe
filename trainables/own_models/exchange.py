"""A user's Keras model made ready for compiled programs: its dropout and batch normalisation exchanged for ours.

Two models get the same program when their layers, all of them Keras' own, are configured alike but for names, seeds
and rates of dropout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from trainables.data import Data, Split
from trainables.engines.batches import first_inputs
from trainables.engines.layers import BatchNormalization, Dropout, is_layer_graph, leaves, output_shape
from trainables.errors import TrainableError


def checked(model: Any, data: Data) -> keras.Model:
    """The model, built; raises TrainableError when it is none, or when its outputs do not fit the classes.

    What a compiled model gives is between its loss and its labels.
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
    if outputs not in {(None, classes), *([(None, 1)] if classes == 2 else [])}:
        raise TrainableError(
            f"the model that build gave ends in shape {outputs}; expected (None, {classes}), a unit for each class of "
            f"'{data.info.name}'{', or (None, 1)' if classes == 2 else ''}, or a model that is compiled with its loss."
        )
    return model


def _build(model: keras.Model, data: Data) -> None:
    """Give the model its weights; for batches of any size, which a call on one batch would fix."""
    if not isinstance(model, keras.Sequential):
        model(first_inputs(data.train, 1))
        return
    given = first_inputs(data.train, 1)
    if is_text(given):
        model(given)  # `build` knows numbers only.
    else:
        model.build((None, *given.shape[1:]))


def is_text(given: Any) -> bool:
    """Whether a model is given one array of text."""
    return isinstance(given, np.ndarray) and given.dtype.kind in "SO"


def shape_of_outputs(model: keras.Model, data: Data) -> Any:
    """Of a model that is built, for batches of any size: (None, units), or those of several outputs in its order."""
    if is_layer_graph(model):
        return model.output_shape
    if isinstance(data.train, Split) and not isinstance(data.train.inputs, Mapping):
        return output_shape(model, data.train.inputs.shape[1:])
    return keras.tree.map_structure(lambda output: (None, *output.shape[1:]), model(first_inputs(data.train, 2)))


def units_of(model: keras.Model, data: Data) -> int | None:
    """Of the one output (rows, units) of a model that is built; None where it gives something else."""
    shape = shape_of_outputs(model, data)
    return shape[1] if isinstance(shape, tuple) and len(shape) == 2 else None


def structure_of(model: keras.Model) -> str:
    """Equal for models that can share a program, among those that may have one."""
    config = model.get_config()
    names = {name: f"#{number}" for number, name in enumerate(_names(config))}
    return json.dumps(_neutral(config, names), sort_keys=True, default=str)


def adapted(model: keras.Model) -> keras.Model:
    """The same network with our layers in place of Keras' dropout and batch normalisation; its weights are new."""
    return keras.models.clone_model(model, clone_function=_exchange, recursive=True)


def rates_of(model: keras.Model) -> list[float]:
    """The rates of the layers that `adapted` exchanges, in its order."""
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
    """The names of the model and its layers, in the order of the configuration."""
    if isinstance(config, Mapping):
        own = [config["name"]] if isinstance(config.get("name"), str) else []
        return own + [name for value in config.values() for name in _names(value)]
    if isinstance(config, list | tuple):
        return [name for value in config for name in _names(value)]
    return []


def _neutral(config: Any, names: Mapping[str, str]) -> Any:
    """The configuration with places for names, and without seeds and rates of dropout."""
    if isinstance(config, Mapping):
        dropped = {"seed", "rate"} if "noise_shape" in config and config["noise_shape"] is None else {"seed"}
        return {str(key): _neutral(value, names) for key, value in config.items() if key not in dropped}
    if isinstance(config, list | tuple):
        return [_neutral(value, names) for value in config]
    return names.get(config, config) if isinstance(config, str) else config
