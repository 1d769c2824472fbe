"""Prepares one of our networks with its initial weights, in a program kept from an earlier trial where one fits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import keras

from trainables.compiled.kept_programs import program_for
from trainables.compiled.objective import objective_of
from trainables.compiled.optimizers import make_optimizer
from trainables.compiled.program import Program
from trainables.compiled.schedules import schedule_of
from trainables.data import Data
from trainables.engines.contract import BEGINS_ANEW, COMPILED, FIT
from trainables.engines.initial_weights import Weights, initial_weights
from trainables.engines.keras_fit import KerasFit
from trainables.engines.layers import Dropout, in_precision, leaves, plain
from trainables.errors import TrainableError
from trainables.networks.build import build_model
from trainables.own_models.choice import HAS_CALLBACKS, Callbacks, fit_engine
from trainables.settings.image import ImageSettings
from trainables.trial import Config


def engine_facts(settings: ImageSettings, callbacks: Callbacks | None = None) -> dict[str, str]:
    """Return the facts `engine` and, where something needs `fit`, `engine_reason`, of one of our networks.

    Raises TrainableError where the settings ask for the compiled program although something needs `fit`.
    """
    if settings.precision == "float32" and callbacks is None:
        return {"engine": FIT if settings.engine == FIT else COMPILED}
    reason = f"{HAS_CALLBACKS}; {BEGINS_ANEW}" if callbacks else f"it computes in {settings.precision}"
    if settings.engine == COMPILED:
        raise TrainableError(f"engine is 'compiled', and this network needs 'fit': {reason}. Expected engine='auto'.")
    return {"engine": FIT, "engine_reason": reason}


@contextmanager
def prepared_program(config: Config, data: Data, seed: int) -> Iterator[Program]:
    """Yield the program of one of our networks, with weights that follow from the seed alone."""
    settings = ImageSettings.of(config)
    image_shape = data.train.images.shape[1:]
    num_classes = data.info.num_classes

    def build() -> Program:
        model = build_model(settings, image_shape, num_classes)
        objective = objective_of(settings, num_classes, logits=False)
        return Program(model, optimizer_of(settings), image_shape, objective=objective)

    with program_for((settings.structure(), image_shape, num_classes), build) as program:
        program.start(_first_weights(program, seed), settings)
        yield program


_REMEMBERED = 1_000_000
"""Parameters of a network whose initial weights are kept: those of a large one cost little beside its training."""
_begun: WeakKeyDictionary[Program, tuple[int, Weights]] = WeakKeyDictionary()
"""Seed and initial weights of the last trial of each kept program: most trials of a search have one seed."""


def _first_weights(program: Program, seed: int) -> Weights:
    known, weights = _begun.get(program, (None, []))
    if known != seed:
        weights = initial_weights(program.model, seed)
        if program.model.count_params() <= _REMEMBERED:
            _begun[program] = seed, weights
    return weights


def prepared_fit(config: Config, data: Data, seed: int, cpus: int, callbacks: Callbacks | None = None) -> KerasFit:
    """Return the same network with the same weights and Keras' own dropout, to be trained by Keras' `fit`."""
    settings = ImageSettings.of(config)
    model = build_model(settings, data.train.images.shape[1:], data.info.num_classes)
    rates = {layer.name: getattr(settings, layer.setting) for layer in leaves(model) if isinstance(layer, Dropout)}
    network = in_precision(plain(model, rates), settings.precision)
    network.set_weights(initial_weights(model, seed))
    return fit_engine(network, data, settings, cpus, callbacks=callbacks(config) if callbacks else ())


def optimizer_of(settings: ImageSettings) -> keras.optimizers.Optimizer:
    """Return a new optimizer for trials of these settings."""
    decays = settings.weight_decay is not None
    return make_optimizer(settings.optimizer, decays=decays, schedule=schedule_of(settings))
