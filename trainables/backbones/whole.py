"""The whole network of a trial, from pixels to probabilities, as it is saved even where features were cached."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, NamedTuple

import keras

from trainables.backbones.head import transfer_model
from trainables.backbones.pieces import Piece, TrialBackbone
from trainables.engines.layers import Dropout, in_precision, leaves, plain
from trainables.own_models.saved_models import Measured, save_checked


class _Whole(NamedTuple):
    """A network of Keras' own layers, and the dropouts of its head, each with the setting that gives its rate."""

    model: keras.Model
    dropouts: tuple[tuple[Any, str], ...]


_latest: dict[Hashable, _Whole] = {}
"""The network that a trial on cached features saved last, by what its graph follows from. To build one takes several
times as long as such a trial, and the next that is saved mostly needs the same."""


def model_writer(source: TrialBackbone, piece: Piece, measured: Measured) -> Callable[[Path], None]:
    """Return what writes the network that a trial has trained, and checks that it can be loaded again."""
    settings = source.settings
    on_images = measured.of_other(source.images.test)

    def write(path: Path) -> None:
        whole = _whole(source, piece)
        for layer, setting in whole.dropouts:
            layer.rate = getattr(settings, setting)
        whole.model.set_weights([*source.weights(whole.model), *(source.head or [])])
        save_checked(whole.model, path, on_images)

    return write


def _whole(source: TrialBackbone, piece: Piece) -> _Whole:
    """Return the network with any weights and rates; it is the same one for all trials of the same graph."""
    settings, info = source.settings, source.images.info
    shape = source.images.train.images.shape[1:]
    graph = (settings.structure(), piece.learning, shape, info.num_classes, source.path is None)
    if graph in _latest:
        return _latest[graph]
    inner = source.model(dataclasses.replace(piece, cut=None, holds_backbone=True))
    model = transfer_model(settings, shape, info.num_classes, inner, pixels=True)
    setting_of = {layer.name: layer.setting for layer in leaves(model) if isinstance(layer, Dropout)}
    rates = {name: getattr(settings, setting) for name, setting in setting_of.items()}
    saved = in_precision(plain(model, rates), settings.precision)
    whole = _Whole(saved, tuple((one, setting_of[one.name]) for one in leaves(saved) if one.name in setting_of))
    if piece.is_cached:
        _latest.clear()
        _latest[graph] = whole
    return whole
