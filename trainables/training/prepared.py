"""The program of a trial, at its initial weights: kept from an earlier trial where the structure is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras

from trainables.data import Data
from trainables.image_settings import ImageSettings
from trainables.networks.build import build_model
from trainables.training.initial_weights import initial_weights
from trainables.training.kept_programs import program_for
from trainables.training.optimizers import make_optimizer
from trainables.training.own_models import adapted, checked, rates_of, structure_of
from trainables.training.program import Program
from trainables.trial import Config


@contextmanager
def prepared_program(config: Config, data: Data, seed: int) -> Iterator[Program]:
    """One of our networks; its weights follow from the seed alone."""
    settings = ImageSettings.of(config)
    image_shape = data.train.images.shape[1:]
    num_classes = data.info.num_classes

    def build() -> Program:
        return Program(build_model(settings, image_shape, num_classes), _optimizer(settings), image_shape)

    with program_for((settings.structure(), image_shape, num_classes), build) as program:
        program.start(initial_weights(program.model, seed), settings)
        yield program


@contextmanager
def own_program(
    build: Callable[[Config, Data], keras.Model], config: Config, data: Data, seed: int
) -> Iterator[Program]:
    """A user's network, built with every random generator at the seed; its weights are those that it brings."""
    settings = ImageSettings.of(config)
    keras.utils.set_random_seed(seed)
    model = checked(build(config, data), data)
    structure = structure_of(model)
    if structure is None:
        program = Program(model, _optimizer(settings), data.train.images.shape[1:])
        program.start(model.get_weights(), settings)
        yield program
        return
    key = (structure, settings.optimizer, settings.weight_decay is not None)
    with program_for(
        key, lambda: Program(adapted(model), _optimizer(settings), data.train.images.shape[1:])
    ) as program:
        program.start(model.get_weights(), settings, rates_of(model))
        yield program


def _optimizer(settings: ImageSettings) -> keras.optimizers.Optimizer:
    return make_optimizer(settings.optimizer, decays=settings.weight_decay is not None)
