"""Decides which part of a backbone a stage of training holds, and which part is computed beforehand."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import keras

from trainables.backbones.extractor import FrozenPart
from trainables.backbones.features import Features
from trainables.backbones.head import POOLED, head_structure
from trainables.backbones.network import (
    cut_before,
    first_unfrozen,
    for_training,
    learning_layers,
    part,
    pretrained,
    random_backbone,
    values_of,
    weights_of,
)
from trainables.data import Data, Split
from trainables.datasets.cache import default_cache_dir
from trainables.datasets.catalogue import digest
from trainables.engines.contract import Engine
from trainables.engines.initial_weights import Weights
from trainables.engines.seeds import Stream, derived_seed
from trainables.settings.backbones import BACKBONES
from trainables.settings.image import ImageSettings
from trainables.settings.weights import RANDOM, digest_of, obtain_weights, weights_name
from trainables.trial import Trial

_FORMAT = "1"
"""Version of cached features; it changes when what is computed changes."""


@dataclass(frozen=True)
class Piece:
    """What one stage trains on, and which layers of the backbone it holds."""

    data: Data
    """Images, or features of them."""
    structure: Hashable
    """Value that is equal for pieces that need the same graph."""
    copies: tuple[Split, ...] = ()
    """Augmented training sets that take turns."""
    cut: int | None = None
    """Index after which the backbone's layers are in the piece, or None when all of them are."""
    learning: tuple[str, ...] = ()
    """Names of the backbone's layers that train."""
    holds_backbone: bool = True
    """Whether any of the backbone's layers is in the piece."""
    is_cached: bool = False
    parameters_in_front: int = 0
    weights_in_front: int = 0

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one image, or of its features."""
        return tuple(self.data.train.images.shape[1:])


@dataclass
class TrialBackbone:
    """The backbone of one trial: where its weights come from, and what it has learned since."""

    settings: ImageSettings
    images: Data
    trial: Trial
    head: Weights | None = None
    """Weights of the head behind the backbone, after a first stage."""
    _learned: dict[str, Weights] = field(default_factory=dict)

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the images in pixels."""
        height, width = self.images.train.images.shape[1:3]
        return height, width

    @property
    def alpha(self) -> float | None:
        """Width multiplier of the backbone, or None for a backbone without one."""
        return self.settings.alpha if BACKBONES[self.settings.network].alphas else None

    @cached_property
    def path(self) -> Path | None:
        """File of the backbone's weights, or None for random weights."""
        chosen, network = self.settings.weights, self.settings.network
        if chosen == RANDOM:
            return None
        file = (chosen, network, self.alpha or 1.0, self.image_size)
        path = obtain_weights(*file, self.trial.data_dir)
        self.trial.check_content(weights_name(*file), digest_of(path), str(path))
        return path

    @property
    def backbone(self) -> keras.Model:
        """The whole backbone with the weights that it begins with; nobody may change it."""
        kind = (self.settings.network, self.alpha, self.image_size)
        if self.path is None:
            return random_backbone(*kind, derived_seed(self.trial.seed, Stream.WEIGHTS))
        return pretrained(*kind, self.path)

    def piece(self, *, frozen: bool) -> Piece:
        """Return what a stage holds; with `frozen` none of the backbone trains, else what the settings name."""
        settings = self.settings
        if frozen or (settings.regime != "scratch" and settings.unfreeze_depth == 0):
            return self._frozen()
        scratch = settings.regime == "scratch"
        first = 0 if scratch else first_unfrozen(self.backbone, settings.network, settings.unfreeze_depth)
        learning = tuple(learning_layers(self.backbone, first, scratch=scratch))
        if not learning:
            return self._frozen()
        cut = cut_before(self.backbone, first) if self._may_cache else None
        return (self._cached(cut, learning) if cut is not None else None) or self._uncached(learning)

    def _frozen(self) -> Piece:
        return (self._cached(None, ()) if self._may_cache else None) or self._uncached(())

    def _uncached(self, learning: tuple[str, ...]) -> Piece:
        return Piece(self.images, self._structure(None, learning, self.settings.changes), learning=learning)

    def _cached(self, cut: int | None, learning: tuple[str, ...]) -> Piece | None:
        """Return the piece after the cut, or after the whole backbone; None where its features do not fit the cache."""
        features = self._features(cut)
        found = features.data(self.settings.cached_augmentations or 0 if self._augments else 0)
        if found is None:
            return None
        return Piece(
            found[0],
            ("head", head_structure(self.settings)) if cut is None else self._structure(cut, learning, "none"),
            tuple(found[1]),
            cut,
            learning,
            holds_backbone=cut is not None,
            is_cached=True,
            parameters_in_front=features.about.parameters,
            weights_in_front=features.about.weights,
        )

    @property
    def _augments(self) -> bool:
        return self.settings.changes != "none"

    @property
    def _may_cache(self) -> bool:
        settings = self.settings
        changing = self._augments and settings.cached_augmentations is None
        plain = settings.mixing == "none" and settings.precision == "float32"
        return settings.cache_features and settings.regime != "scratch" and plain and not changing

    def _structure(self, cut: int | None, learning: tuple[str, ...], augmentation: str) -> Hashable:
        settings = self.settings
        kind = (settings.network, self.alpha, settings.regime == "scratch")
        return (*kind, cut, learning, augmentation, head_structure(settings))

    def _features(self, cut: int | None) -> Features:
        settings, image_shape = self.settings, self.images.train.images.shape[1:]
        pools = cut is None and settings.pooling in POOLED
        weights = f"random {self.trial.seed}" if self.path is None else digest_of(self.path)
        where = f"{settings.network} {self.alpha} {cut} {settings.pooling if pools else ''}"
        return Features(
            digest(_FORMAT, where, weights, self.images.info.fingerprint, str(image_shape)),
            self.trial.cache_dir or default_cache_dir(),
            self.images,
            lambda: FrozenPart(self._front(cut), settings, image_shape, pools=pools, folds=cut is None),
            settings.changes,
        )

    def _front(self, cut: int | None) -> keras.Model:
        """Return the part that is computed beforehand; before a cut, with the layers that training would have there."""
        if cut is None:
            return self.backbone
        front = for_training(part(self.backbone, None, cut), (), scratch=False)
        front.set_weights(weights_of(front, values_of(self.backbone)))
        return front

    def model(self, piece: Piece) -> keras.Model | None:
        """Return a copy of the piece's layers of the backbone, with new weights, or None where it has none."""
        if not piece.holds_backbone:
            return None
        shared = self.backbone if piece.cut is None else part(self.backbone, piece.cut)
        return for_training(shared, piece.learning, scratch=self.settings.regime == "scratch")

    def weights(self, model: keras.Model) -> Weights:
        """Return the present weights of the backbone's layers in the model, which come first in it."""
        inner = _backbone_in(model)
        return [] if inner is None else weights_of(inner, values_of(self.backbone) | self._learned)

    def learn(self, engine: Engine) -> None:
        """Take over what a stage has learned."""
        weights = iter(engine.get_weights())
        inner = _backbone_in(engine.model)
        for layer in inner.layers if inner is not None else ():
            self._learned[layer.name] = [next(weights) for _ in layer.weights]
        self.head = list(weights)


def _backbone_in(model: keras.Model) -> Any:
    return next((layer for layer in model.layers if isinstance(layer, keras.Model)), None)
