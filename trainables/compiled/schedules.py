"""Schedules of the learning rate, which every step of a training follows: with a warm-up, along a cosine, in steps.

A schedule goes by epochs and their parts, and not by the number of steps since the beginning: a training set may grow,
and an epoch of the grown one has more steps. Where all epochs are alike, it equals Keras' own schedules.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from trainables.data import Split
from trainables.settings.image import ImageSettings


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate at each step, from variables, so that one compiled program serves many trials.

    In the warm-up it rises from 0 on a straight line. A cosine then goes down to 0 at the end of the last epoch, as
    Keras' CosineDecay with a warm-up does; steps multiply it again and again, as its ExponentialDecay with `staircase`.
    """

    def __init__(self, kind: str) -> None:
        """Make the variables of a schedule of this kind: constant, cosine or step."""
        self.kind = kind
        self._settings = {name: _variable(name) for name in ("rate", "epochs", "warmup", "every", "factor")}
        self._done, self._steps = _variable("epochs_done"), _variable("steps_of_the_epoch")
        self._first = tf.Variable(0, trainable=False, dtype="int64", name="first_step_of_the_epoch")

    def start(self, settings: ImageSettings) -> None:
        """Take the settings of a trial."""
        values = {
            "rate": settings.learning_rate,
            "warmup": settings.warmup_epochs,
            "every": settings.step_epochs,
            "factor": settings.step_factor,
        }
        for name, value in values.items():
            self._settings[name].assign(value)

    def begin_epoch(self, number: int, epochs: int, steps: int, iterations: Any) -> None:
        """Begin the epoch `number`, from 1, of `epochs`, with the step `iterations`; the epoch has so many `steps`."""
        self._settings["epochs"].assign(epochs)
        self._done.assign(number - 1)
        self._steps.assign(max(1, steps))
        self._first.assign(int(iterations))

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at the step, a scalar."""
        now = {name: variable.read_value() for name, variable in self._settings.items()}
        into_epoch = tf.cast(tf.cast(step, tf.int64) - self._first.read_value(), tf.float32)
        epochs = self._done.read_value() + into_epoch / self._steps.read_value()
        rate = now["rate"] * self._share(epochs, now)
        return tf.where(epochs < now["warmup"], now["rate"] * epochs / tf.maximum(now["warmup"], 1e-6), rate)

    def _share(self, epochs: Any, now: dict[str, Any]) -> Any:
        """Return the share of the learning rate that is left at this time, after the warm-up."""
        if self.kind == "cosine":
            decaying = tf.maximum(now["epochs"] - now["warmup"], 1e-6)
            return 0.5 * (1 + tf.cos(math.pi * tf.minimum((epochs - now["warmup"]) / decaying, 1.0)))
        # A little is added, since a step that ends an epoch may fall short of it by rounding.
        return now["factor"] ** tf.floor(epochs / now["every"] + 1e-5) if self.kind == "step" else 1.0

    def get_config(self) -> dict[str, Any]:
        """Return what Keras needs when it copies an optimizer."""
        return {"kind": self.kind}


def schedule_of(settings: ImageSettings) -> Schedule | None:
    """Return a new schedule for trials of these settings, or None where the learning rate is constant."""
    return Schedule(settings.schedule) if settings.schedule != "constant" or settings.warmup_epochs else None


def start_rate(optimizer: Any, settings: ImageSettings) -> None:
    """Give the optimizer the learning rate of a trial, or give the settings to its schedule."""
    schedule = scheduled(optimizer)
    if schedule is None:
        optimizer.learning_rate = settings.learning_rate
    else:
        schedule.start(settings)


def begin_epoch(optimizer: Any, number: int, epochs: int, train: Split, batch_size: int) -> None:
    """Tell the optimizer's schedule that the epoch `number`, from 1, of `epochs` begins, and on which images."""
    schedule = scheduled(optimizer)
    if schedule is not None:
        schedule.begin_epoch(number, epochs, -(-len(train) // batch_size), _inner(optimizer).iterations.numpy())


def scheduled(optimizer: Any) -> Schedule | None:
    """Return the optimizer's schedule, or None where it has none of ours."""
    schedule = getattr(_inner(optimizer), "_learning_rate", None)
    return schedule if isinstance(schedule, Schedule) else None


def constant_rate(optimizer: Any) -> Any:
    """Return the variable of an optimizer's learning rate, or None where it follows a schedule, or there is none."""
    rate = getattr(_inner(optimizer), "_learning_rate", None)
    return rate if isinstance(rate, keras.Variable) else None


def _inner(optimizer: Any) -> Any:
    """Return the optimizer that makes the steps.

    In half precision, another one around it scales the loss and leaves steps out.
    """
    return getattr(optimizer, "inner_optimizer", optimizer)


def _variable(name: str) -> Any:
    return tf.Variable(1.0, trainable=False, dtype="float32", name=name)
