"""Prepares one of our networks with its initial weights, in a program kept from an earlier trial where one fits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from trainables.compiled.kept_programs import program_for
from trainables.compiled.optimizers import make_optimizer
from trainables.compiled.program import Program
from trainables.data import Data
from trainables.engines.initial_weights import initial_weights
from trainables.engines.keras_fit import KerasFit
from trainables.engines.layers import Dropout, leaves, plain
from trainables.networks.build import build_model
from trainables.own_models.choice import fit_engine
from trainables.settings.image import ImageSettings
from trainables.trial import Config


@contextmanager
def prepared_program(config: Config, data: Data, seed: int) -> Iterator[Program]:
    """Yield the program of one of our networks, with weights that follow from the seed alone."""
    settings = ImageSettings.of(config)
    image_shape = data.train.images.shape[1:]
    num_classes = data.info.num_classes

    def build() -> Program:
        return Program(build_model(settings, image_shape, num_classes), _optimizer(settings), image_shape)

    with program_for((settings.structure(), image_shape, num_classes), build) as program:
        program.start(initial_weights(program.model, seed), settings)
        yield program


def prepared_fit(config: Config, data: Data, seed: int, cpus: int) -> KerasFit:
    """Return the same network with the same weights and Keras' own dropout, to be trained by Keras' `fit`."""
    settings = ImageSettings.of(config)
    model = build_model(settings, data.train.images.shape[1:], data.info.num_classes)
    rates = {layer.name: getattr(settings, layer.setting) for layer in leaves(model) if isinstance(layer, Dropout)}
    network = plain(model, rates)
    network.set_weights(initial_weights(model, seed))
    return fit_engine(network, data, settings, cpus)


def _optimizer(settings: ImageSettings) -> keras.optimizers.Optimizer:
    return make_optimizer(settings.optimizer, decays=settings.weight_decay is not None)
