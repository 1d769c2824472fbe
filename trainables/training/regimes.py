"""Trains a backbone: from scratch, frozen, partly unfrozen or in two stages, and on cached features where possible."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras

from trainables.backbones.head import transfer_model
from trainables.backbones.pieces import Piece, TrialBackbone
from trainables.backbones.whole import model_writer
from trainables.compiled.kept_programs import program_for
from trainables.compiled.objective import objective_of
from trainables.compiled.program import Program
from trainables.data import Data
from trainables.engines.contract import FIT, Engine
from trainables.engines.initial_weights import Weights, initial_weights
from trainables.engines.layers import Dropout, in_precision, leaves, plain
from trainables.own_models.choice import Callbacks, fit_engine
from trainables.settings.checks import check_side
from trainables.settings.image import ImageSettings
from trainables.training.checkpoint import checkpoint_values
from trainables.training.fitting import Stage, train_stage
from trainables.training.growth import trainings
from trainables.training.outcome import finish, sizes
from trainables.training.prepared import engine_facts, optimizer_of
from trainables.trial import Config, Metrics, Trial


@dataclass(frozen=True)
class StagePlan:
    """One stage of a trial: which part of the backbone trains, for how many epochs, and at which learning rate."""

    number: int | None
    frozen: bool
    epochs: int
    learning_rate: float


def stages_of(settings: ImageSettings) -> list[StagePlan]:
    """Return the stages of a trial; the stage of a trial that has only one is not numbered."""
    if settings.regime != "two_stage":
        return [StagePlan(None, settings.regime == "frozen", settings.epochs, settings.learning_rate)]
    return [
        StagePlan(1, True, settings.epochs, settings.learning_rate),
        StagePlan(2, False, settings.second_epochs, settings.second_learning_rate),
    ]


def train_transfer(
    data: Data, config: Config, trial: Trial, callbacks: Callbacks | None = None
) -> Generator[Metrics, None, None]:
    """Do `train` with a backbone: yield the metrics of every epoch of every stage, and the test of the best weights."""
    settings = ImageSettings.of(config)
    check_side(settings.network, min(data.train.images.shape[1:3]))
    plans = stages_of(settings)
    left = trainings(trial, sum(plan.epochs for plan in plans))
    for begins in left:
        source = TrialBackbone(settings, data, trial)
        yield from _train_once(source, config, plans, begins, tests=begins == left[-1], callbacks=callbacks)


def _train_once(
    source: TrialBackbone,
    config: Config,
    plans: list[StagePlan],
    begins: int,
    *,
    tests: bool,
    callbacks: Callbacks | None,
) -> Generator[Metrics, None, None]:
    """Do all stages from the initial weights; `begins` is the number of epochs of the trainings before."""
    trial = source.trial
    trial.facts |= engine_facts(source.settings, callbacks)
    stage, left = _resumed(trial.checkpoint, plans, begins)
    for plan in left:
        stage = dataclasses.replace(stage, epochs=plan.epochs, number=plan.number)
        called = callbacks(config) if callbacks else ()
        with _engine(source, source.settings, plan, called) as (engine, piece):
            known = _sizes(engine, piece)
            if plan is not plans[-1]:
                del known["num_trainable_parameters"]  # Those of the last stage count.
            trial.announce(known)
            stage = yield from train_stage(engine, piece.data, config, trial, stage, copies=piece.copies)
            source.learn(engine)
            if tests and plan is plans[-1]:
                yield _finished(engine, piece, source)


def _resumed(checkpoint: Path | None, plans: list[StagePlan], begins: int) -> tuple[Stage, list[StagePlan]]:
    """Return what the first stage still to do begins from, and the stages still to do."""
    values = checkpoint_values(checkpoint) if checkpoint else {}
    first = Stage(0, before=begins, begins=begins)
    if not values or values.get("begins", 0) != begins or values["stage"] == plans[0].number:
        return first, plans
    return dataclasses.replace(first, before=values["before"], best=values["best"]), plans[1:]


@contextmanager
def _engine(
    source: TrialBackbone, settings: ImageSettings, plan: StagePlan, callbacks: Sequence[Any]
) -> Iterator[tuple[Engine, Piece]]:
    """Yield the engine of a stage, with the weights that it begins from, and the piece of network that it trains."""
    piece = source.piece(frozen=plan.frozen)
    classes = source.images.info.num_classes
    settings = dataclasses.replace(settings, learning_rate=plan.learning_rate)

    def model() -> keras.Model:
        inner = source.model(piece)
        return transfer_model(settings, piece.input_shape, classes, inner, pixels=not piece.is_cached)

    def weights(model: keras.Model) -> Weights:
        own = source.weights(model)
        return [*own, *(source.head or initial_weights(model, source.trial.seed, first=len(own)))]

    if source.trial.facts["engine"] == FIT:
        network = _in_precision(model(), settings)
        network.set_weights(weights(network))
        for layer in leaves(network):
            if isinstance(layer, Dropout):
                layer.rate_now.assign(getattr(settings, layer.setting))
        place, cpus = piece.weights_in_front, source.trial.cpus
        yield fit_engine(network, piece.data, settings, cpus, first_place=place, callbacks=callbacks), piece
        return

    def build() -> Program:
        return Program(
            model(),
            optimizer_of(settings),
            piece.input_shape,
            objective=objective_of(settings, classes, logits=False),
            image_dtype="float32" if piece.is_cached else "uint8",
            first_place=piece.weights_in_front,
        )

    shape = (piece.input_shape, piece.weights_in_front, classes)
    with program_for((piece.structure, shape, settings.step_structure()), build) as program:
        program.start(weights(program.model), settings)
        yield program, piece


def _in_precision(network: keras.Model, settings: ImageSettings) -> keras.Model:
    """Return the network as `fit` trains it, in the precision of the settings."""
    if settings.precision == "float32":
        return network
    rates = {layer.name: getattr(settings, layer.setting) for layer in leaves(network) if isinstance(layer, Dropout)}
    return in_precision(plain(network, rates), settings.precision)


def _finished(engine: Engine, piece: Piece, source: TrialBackbone) -> Metrics:
    writer = partial(model_writer, source, piece)
    return finish(engine, piece.data, source.settings, source.trial, writer=writer) | _sizes(engine, piece)


def _sizes(engine: Engine, piece: Piece) -> Metrics:
    """Return the numbers of parameters, those in front of cached features too."""
    inside = sizes(engine.model)
    return {**inside, "num_parameters": inside["num_parameters"] + piece.parameters_in_front}
