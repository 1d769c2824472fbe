"""Runs the epochs of one trial on any data: train, validate, stop early or diverge, and test at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trainables.compiled.schedules import begin_epoch, constant_rate
from trainables.data import Data, Split
from trainables.engines.batches import tell_of_epochs
from trainables.engines.contract import Engine, State
from trainables.engines.seeds import order_of_epoch
from trainables.errors import TrainableError
from trainables.own_models.choice import OwnModel
from trainables.settings.image import ImageSettings
from trainables.training.checkpoint import read_checkpoint, write_checkpoint
from trainables.training.early_stopping import OF_STOPPING, EarlyStopping
from trainables.training.growth import seen_in, trainings
from trainables.training.outcome import finish, known_sizes
from trainables.trial import Config, Metrics, Trial, check_loss


def fit(
    engine: Engine, data: Data, config: Config, trial: Trial, own: OwnModel | None = None
) -> Generator[Metrics, None, None]:
    """Do the epochs of `train` with an engine that has its initial weights.

    Yields one dict after every epoch, and a last one with test metrics, which are those of the best epoch's weights. A
    trial that has a checkpoint continues after its epoch. `own` is the user's model that the engine trains, which is
    saved in the end. Raises TrialDiverged.
    """
    settings = ImageSettings.of(config)
    trial.facts["engine"] = engine.name
    trial.announce(known_sizes(engine.model))
    initial = engine.state() if trial.growth.anew else {}
    for begins in trainings(trial, settings.epochs):
        if begins:
            engine.restore(initial)
        yield from train_stage(engine, data, config, trial, Stage(settings.epochs, before=begins, begins=begins))
    yield finish(engine, data, settings, trial, own=own)


@dataclass(frozen=True)
class Stage:
    """Some of the epochs of a trial, trained by one engine."""

    epochs: int
    """Largest number of epochs of the stage."""
    number: int | None = None
    """Number that is yielded as `stage` where a trial has several stages, else None."""
    before: int = 0
    """Number of epochs of the stages before, after which counting continues."""
    first_loss: float | None = None
    """Loss of the trial's first epoch, in a later stage."""
    best: float | None = None
    """Best metric of the stages before: only a better one replaces the weights with which the stage begins."""
    begins: int = 0
    """Number of epochs of the trainings before, where the trial begins anew for each part of the training set. What is
    random follows from the epochs since then, so that the last training equals that of a trial whose training set does
    not grow."""


def train_stage(
    engine: Engine,
    data: Data,
    config: Config,
    trial: Trial,
    stage: Stage,
    *,
    copies: Sequence[Split] = (),
) -> Generator[Metrics, None, Stage]:
    """Yield the metrics of the stage's epochs and return what a next stage begins from; the best weights are set.

    The `copies` of the training images take turns, one for each epoch. While the training set grows, no epoch counts as
    the best or costs patience, because the weights that are tested must have seen all images.
    """
    settings = ImageSettings.of(config)
    stopping = EarlyStopping(engine, settings, config, stage.best)
    epoch, first_loss = _resume(trial, stage, engine, stopping) or (stage.before, stage.first_loss)
    tell_of_epochs(data.train, data.validation, epoch - stage.before)
    while epoch < stage.before + stage.epochs and not (stopping.stop_training or engine.stops):
        epoch += 1
        own_epoch = epoch - stage.begins
        seen = replace(data, train=copies[(own_epoch - 1) % len(copies)]) if copies else data
        seen = seen_in(epoch, seen, trial.growth, settings.batch_size)
        if settings.is_scheduled:
            begin_epoch(engine.optimizer, epoch - stage.before, stage.epochs, seen.train, settings.batch_size)
        metrics = {"epoch": epoch, **_one_epoch(engine, seen, settings, trial.seed, own_epoch)}
        if trial.growth.steps:
            metrics["train_images"] = len(seen.train)
        first_loss = metrics.get("loss") if first_loss is None else first_loss
        check_loss(metrics, int(metrics["epoch"]), first_loss)
        if trial.growth.share(epoch) == 1 and not trial.refits:
            stopping.after_epoch(epoch, metrics)
        if engine.can_be_saved:
            trial.save = _saver(engine, stopping, epoch, first_loss, stage)
        yield metrics if stage.number is None else {**metrics, "stage": stage.number}
    engine.end_training()
    stopping.restore_best()
    return Stage(0, stage.number, epoch, first_loss, stopping.best, stage.begins)


def _one_epoch(engine: Engine, data: Data, settings: ImageSettings, seed: int, epoch: int) -> Metrics:
    started = time.perf_counter()
    engine.seed_layers(seed, epoch)
    order = order_of_epoch(seed, epoch, len(data.train) if isinstance(data.train, Split) else 0)
    learning_rate = engine.learning_rate()
    metrics = engine.train_epoch(data, order, settings)
    return {"learning_rate": learning_rate, **metrics, "seconds": time.perf_counter() - started}


def _saver(
    engine: Engine, stopping: EarlyStopping, epoch: int, first_loss: float | None, stage: Stage
) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        arrays, stopped = stopping.state()
        values = {"epoch": epoch, "first_loss": first_loss, "stopping": stopped, "stage": stage.number}
        values |= {"before": stage.before, "best": stage.best, "begins": stage.begins}
        write_checkpoint(folder, engine.state() | arrays, values)

    return save


def _resume(trial: Trial, stage: Stage, engine: Engine, stopping: EarlyStopping) -> tuple[int, float | None] | None:
    """Return the last epoch of the checkpoint and the loss of the first epoch.

    Returns None where there is no checkpoint, or where it belongs to another stage or training. Early stopping goes on
    only within one trial, since the best weights of a trial are of its own epochs.
    """
    if trial.checkpoint is None:
        return None
    arrays, values = read_checkpoint(trial.checkpoint)
    if (values["stage"], values.get("begins", 0)) != (stage.number, stage.begins):
        return None
    if trial.inherits:
        _inherit(engine, arrays)
    else:
        engine.restore(arrays)
        stopping.restore(arrays, values["stopping"])
    return values["epoch"], values["first_loss"]


def _inherit(engine: Engine, arrays: State) -> None:
    """Go on with the weights and the optimizer of another trial, at the learning rate of this one.

    An optimizer keeps its learning rate among what it remembers. Raises TrainableError where other settings have made
    a model of other weights.
    """
    own = engine.state()
    of_engine = {name: array for name, array in arrays.items() if not name.startswith(OF_STOPPING)}
    if {name: array.shape for name, array in own.items()} != {name: array.shape for name, array in of_engine.items()}:
        raise TrainableError(
            "this trial's settings give the model other weights than those that it goes on with; expected a population "
            "that changes only settings which leave them as they are."
        )
    rate = constant_rate(engine.optimizer)
    value = None if rate is None else rate.numpy()
    engine.restore(arrays)
    if rate is not None:
        rate.assign(value)
