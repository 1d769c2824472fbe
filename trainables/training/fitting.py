"""The epochs of one trial, on any data: train, validate, stop early or diverge, test at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.data import Data, Split
from trainables.errors import TrialDiverged
from trainables.image_settings import ImageSettings
from trainables.training.checkpoint import read_checkpoint, write_checkpoint
from trainables.training.chunks import chunks
from trainables.training.early_stopping import EarlyStopping
from trainables.training.growth import seen_in, trainings
from trainables.training.outcome import finish
from trainables.training.program import Program
from trainables.training.seeds import order_of_epoch
from trainables.trial import Config, Metrics, Trial

EXPLODED = 1e6
"""A loss this many times the first epoch's ends the trial."""
EVALUATED_AT_ONCE = 128
"""Images per batch of an evaluation, unless the trial's batches are larger."""


def fit(program: Program, data: Data, config: Config, trial: Trial) -> Generator[Metrics, None, None]:
    """Do the epochs of `train` with a program that stands at its initial weights.

    Yields one dict after every epoch, and after the last one of a trial that was not closed a dict of test metrics,
    which are those of the best epoch's weights. Goes on behind the epoch of `trial.checkpoint`. Raises TrialDiverged.
    """
    settings = ImageSettings.of(config)
    initial = program.state() if trial.growth.anew else {}
    for begins in trainings(trial, settings.epochs):
        if begins:
            program.restore(initial)
        yield from train_stage(program, data, config, trial, Stage(settings.epochs, before=begins, begins=begins))
    yield finish(program, data, evaluation_batch(settings), trial)


@dataclass(frozen=True)
class Stage:
    """Some of the epochs of a trial, trained by one program."""

    epochs: int
    """How many at most."""
    number: int | None = None
    """Yielded as `stage` where a trial has several."""
    before: int = 0
    """Epochs of earlier stages; counting goes on behind them."""
    first_loss: float | None = None
    """Of the trial's first epoch, in a later stage."""
    best: float | None = None
    """The best metric of earlier stages: only a better one replaces the weights that the stage begins with."""
    begins: int = 0
    """Epochs of trainings that this one begins anew after. What is random follows from the epochs since, so that the
    last training is the one that a trial without a growing training set does."""


def train_stage(
    program: Program,
    data: Data,
    config: Config,
    trial: Trial,
    stage: Stage,
    *,
    copies: Sequence[Split] = (),
) -> Generator[Metrics, None, Stage]:
    """Yield the metrics of the stage's epochs and return what a next stage begins from; the best weights are set.

    `copies` of the training images take turns, one an epoch. While the training set grows, no epoch counts as the best
    or costs patience: what the test measures has seen all images.
    """
    settings = ImageSettings.of(config)
    stopping = EarlyStopping(program, settings, config, stage.best)
    epoch, first_loss = _resume(trial.checkpoint, stage, program, stopping) or (stage.before, stage.first_loss)
    while epoch < stage.before + stage.epochs and not stopping.stop_training:
        epoch += 1
        own_epoch = epoch - stage.begins
        seen = replace(data, train=copies[(own_epoch - 1) % len(copies)]) if copies else data
        seen = seen_in(epoch, seen, trial.growth, settings.batch_size)
        metrics = {"epoch": epoch, **_one_epoch(program, seen, settings, trial.seed, own_epoch)}
        if trial.growth.steps:
            metrics["train_images"] = len(seen.train)
        first_loss = metrics["loss"] if first_loss is None else first_loss
        _check_loss(metrics, first_loss)
        if trial.growth.share(epoch) == 1:
            stopping.after_epoch(epoch, metrics)
        trial.save = _saver(program, stopping, epoch, first_loss, stage)
        yield metrics if stage.number is None else {**metrics, "stage": stage.number}
    stopping.restore_best()
    return Stage(0, stage.number, epoch, first_loss, stopping.best, stage.begins)


def _one_epoch(program: Program, data: Data, settings: ImageSettings, seed: int, epoch: int) -> Metrics:
    started = time.perf_counter()
    program.seed_layers(seed, epoch)
    order = order_of_epoch(seed, epoch, len(data.train))
    weights = _class_weights(data.train, program.num_classes) if settings.class_weight else None
    learning_rate = float(program.optimizer.learning_rate)
    loss, accuracy = program.train(chunks(data.train, settings.batch_size, order), settings.batch_size, weights)
    batch = evaluation_batch(settings)
    val_loss, val_accuracy, _ = program.evaluate(chunks(data.validation, batch), batch)
    return {
        "loss": loss,
        "accuracy": accuracy,
        "val_loss": val_loss,
        "val_accuracy": val_accuracy,
        "learning_rate": learning_rate,
        "seconds": time.perf_counter() - started,
    }


def evaluation_batch(settings: ImageSettings) -> int:
    """Images per batch of an evaluation."""
    return max(settings.batch_size, EVALUATED_AT_ONCE)


def _check_loss(metrics: Metrics, first_loss: float) -> None:
    for name in ("loss", "val_loss"):
        if not math.isfinite(metrics[name]):
            raise TrialDiverged(f"{name} is {metrics[name]} in epoch {metrics['epoch']}")
    if metrics["loss"] > EXPLODED * first_loss:
        raise TrialDiverged(
            f"loss is {metrics['loss']:g} in epoch {metrics['epoch']}, more than {EXPLODED:g} times the first epoch's "
            f"{first_loss:g}"
        )


def _class_weights(train: Split, num_classes: int) -> NDArray[np.float32]:
    """Shape (classes,): images / (classes * images of the class), as scikit-learn's `balanced`."""
    counts = np.bincount(train.labels[train.index], minlength=num_classes)
    return (len(train) / (num_classes * np.maximum(counts, 1))).astype(np.float32)


def _saver(
    program: Program, stopping: EarlyStopping, epoch: int, first_loss: float, stage: Stage
) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        arrays, stopped = stopping.state()
        values = {"epoch": epoch, "first_loss": first_loss, "stopping": stopped, "stage": stage.number}
        values |= {"before": stage.before, "best": stage.best, "begins": stage.begins}
        write_checkpoint(folder, program.state() | arrays, values)

    return save


def _resume(
    checkpoint: Path | None, stage: Stage, program: Program, stopping: EarlyStopping
) -> tuple[int, float | None] | None:
    """The epoch that is done already, and the first epoch's loss; None without a checkpoint of this very stage."""
    if checkpoint is None:
        return None
    arrays, values = read_checkpoint(checkpoint)
    if (values["stage"], values.get("begins", 0)) != (stage.number, stage.begins):
        return None
    program.restore(arrays)
    stopping.restore(arrays, values["stopping"])
    return values["epoch"], values["first_loss"]
