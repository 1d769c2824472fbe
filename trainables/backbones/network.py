"""A backbone as a Keras model: built, given its weights, and cut where its graph narrows to one tensor."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from trainables.engines.initial_weights import Weights, initial_weights
from trainables.engines.layers import BatchNormalization
from trainables.errors import TrainableError
from trainables.settings.backbones import BACKBONES, is_block
from trainables.settings.regimes import depth_problem
from trainables.settings.weights import digest_of
from trainables.wording import one_line

_IMAGENET_MEANS = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATIONS = (0.229, 0.224, 0.225)
_CAFFE_MEANS = (103.939, 116.779, 123.68)
"""Means of blue, green and red."""


def pretrained(network: str, alpha: float | None, image_size: tuple[int, int], path: Path) -> keras.Model:
    """Return the backbone without its top, with the weights of the file, for images (height, width, 3).

    The model is shared, so nobody may change it. Raises TrainableError for a file that does not fit.
    """
    return _pretrained(network, alpha, image_size, path, digest_of(path))


@lru_cache(maxsize=2)
def _pretrained(
    network: str, alpha: float | None, image_size: tuple[int, int], path: Path, _digest: str
) -> keras.Model:
    model = _untrained(network, alpha, image_size)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Skipping nested container")  # It would leave random weights.
            model.load_weights(path)
    except (ValueError, OSError, KeyError, UserWarning) as error:
        variant = f" (alpha {alpha:g})" if alpha is not None else ""
        reason = one_line(error)[:200]
        raise TrainableError(
            f"the weights in {path} do not fit {network}{variant}: {reason}. Name its own file without the top, or "
            "another network."
        ) from error
    return _with_normalization_fixed(model)


@lru_cache(maxsize=1)
def random_backbone(network: str, alpha: float | None, image_size: tuple[int, int], seed: int) -> keras.Model:
    """Return the backbone with random weights that follow from the seed; it is shared too."""
    model = _with_normalization_fixed(_untrained(network, alpha, image_size), published=False)
    model.set_weights(initial_weights(model, seed))
    return model


def _untrained(network: str, alpha: float | None, image_size: tuple[int, int]) -> keras.Model:
    build = getattr(keras.applications, BACKBONES[network].keras_name)
    width = {} if alpha is None else {"alpha": float(alpha)}
    model = build(include_top=False, weights=None, input_shape=(*image_size, 3), **width)
    for place, layer in enumerate(model.layers):
        stem = re.sub(r"_\d+$", "", layer.name)
        if place and stem.replace("_", "") == type(layer).__name__.lower():
            layer.name = f"{stem}_{place}"  # Keras would number nameless layers on from model to model.
    return model


def _with_normalization_fixed(model: keras.Model, *, published: bool = True) -> keras.Model:
    """Return the model with EfficientNet's adaptive normalization as the constant rescaling that it amounts to.

    For the weights of ImageNet, Keras divides by the root of the deviations once more, but only when it downloads the
    weights itself.
    """
    if not any(isinstance(layer, layers.Normalization) for layer in model.layers):
        return model
    again = np.sqrt(_IMAGENET_DEVIATIONS) if published else np.ones(3)

    def exchange(layer: Any) -> Any:
        if not isinstance(layer, layers.Normalization):
            return type(layer).from_config(layer.get_config())
        mean, variance = (np.asarray(part).ravel().astype(float) for part in (layer.mean, layer.variance))
        scale = 1 / (np.maximum(np.sqrt(variance), keras.config.epsilon()) * again)
        return layers.Rescaling(scale.tolist(), (-mean * scale).tolist(), name=layer.name)

    fixed = keras.models.clone_model(model, clone_function=exchange)
    fixed.set_weights(
        [w for layer in model.layers if not isinstance(layer, layers.Normalization) for w in layer.get_weights()]
    )
    return fixed


def preprocessed(x: Any, network: str) -> Any:
    """Return pixels 0 to 255, red first or grey, as the backbone was trained with them, by Keras' own layers."""
    if x.shape[-1] == 1:
        x = layers.Concatenate()([x, x, x])
    kind = BACKBONES[network].preprocessing
    if kind == "symmetric":
        return layers.Rescaling(1 / 127.5, -1.0)(x)
    if kind == "caffe":
        return layers.Rescaling(1.0, [-mean for mean in _CAFFE_MEANS])(keras.ops.flip(x, axis=-1))
    if kind == "torch":
        pairs = list(zip(_IMAGENET_MEANS, _IMAGENET_DEVIATIONS, strict=True))
        return layers.Rescaling([1 / (255 * d) for _, d in pairs], [-m / d for m, d in pairs])(x)
    return x


def first_unfrozen(backbone: keras.Model, network: str, depth: int | str | None) -> int:
    """Return the index in `layers` of the first layer that trains, or their number when none does.

    A named block begins after the last tensor that all of the network passes through before it, so that branches
    without the block's name belong to it too. Raises TrainableError.
    """
    problem = depth_problem(network, depth)
    if problem:
        raise TrainableError(problem)
    if depth is None or isinstance(depth, int):
        unfrozen = 0 if depth is None else len(backbone.layers) - depth
    else:
        named = next(i for i, layer in enumerate(backbone.layers) if is_block(layer.name, depth))
        unfrozen = max((place for place in narrow_places(backbone) if place < named), default=-1) + 1
    places = (i for i, layer in enumerate(backbone.layers) if i >= unfrozen and _learns(layer))
    return next(places, len(backbone.layers))


def _learns(layer: Any) -> bool:
    """Return whether the layer learns: all do but batch normalization, which stays in inference mode as pretrained."""
    return bool(layer.weights) and not isinstance(layer, layers.BatchNormalization)


def cut_before(backbone: keras.Model, place: int) -> int | None:
    """Return the index in `layers`, before `place`, of the last output that alone feeds everything after it.

    Returns None if there is no such layer, or if no layer up to it has weights.
    """
    cut = max((narrow for narrow in narrow_places(backbone) if narrow < place), default=0)
    return cut if any(layer.weights for layer in backbone.layers[: cut + 1]) else None


def narrow_places(backbone: keras.Model) -> list[int]:
    """Return the indices in `layers` whose output is all that the later layers are computed from."""
    place_of = {id(layer): place for place, layer in enumerate(backbone.layers)}
    reach, found = 0, []
    reaches = [0] * len(backbone.layers)
    for place, layer in enumerate(backbone.layers):
        for parent in _parents(layer):
            reaches[place_of[id(parent)]] = place
    for place in range(len(backbone.layers)):
        if reach <= place:
            found.append(place)
        reach = max(reach, reaches[place])
    return found


def _parents(operation: Any) -> Iterator[Any]:
    """Yield the layers whose outputs this one takes; plain additions and the like in between are left out."""
    for node in operation._inbound_nodes[0].parent_nodes:  # The first node is where the backbone was built.
        if isinstance(node.operation, keras.Layer):
            yield node.operation
        else:
            yield from _parents(node.operation)


def part(backbone: keras.Model, after: int | None, until: int | None = None) -> keras.Model:
    """Return the layers after the index `after`, up to `until`, as a model that shares them."""
    inputs = backbone.input if after is None else backbone.layers[after].output
    return keras.Model(inputs, backbone.output if until is None else backbone.layers[until].output)


def for_training(piece: keras.Model, learning: Sequence[str], *, scratch: bool) -> keras.Model:
    """Return a copy of a part of a backbone in which the named layers learn, with new weights.

    Unless it is trained from scratch, its batch normalization and its dropout stay in inference mode.
    """

    def exchange(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, layers.BatchNormalization):
            return (BatchNormalization if _fuses(layer) else layers.BatchNormalization).from_config(config)
        if isinstance(layer, layers.Dropout) and not scratch:
            return layers.Dropout.from_config({**config, "rate": 0.0})
        return type(layer).from_config(config)

    copy = keras.models.clone_model(piece, clone_function=exchange)
    names = set(learning)
    for layer in copy.layers:
        layer.trainable = layer.name in names
    return copy


def _fuses(layer: Any) -> bool:
    return type(layer) is layers.BatchNormalization


def learning_layers(backbone: keras.Model, first: int, *, scratch: bool) -> list[str]:
    """Return the names of the layers that learn, from the index `first` on."""
    return [layer.name for layer in backbone.layers[first:] if scratch or _learns(layer)]


def weights_of(piece: keras.Model, values: Mapping[str, Sequence[NDArray[Any]]]) -> Weights:
    """Return values, given by layer name, in the order of the piece's weights."""
    return [value for layer in piece.layers for value in values.get(layer.name, ())]


def values_of(backbone: keras.Model) -> dict[str, Weights]:
    """Return the values of each layer's weights, by layer name."""
    return {layer.name: layer.get_weights() for layer in backbone.layers if layer.weights}
