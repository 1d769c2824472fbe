"""Targets reach a compiled model in the form in which a data function, or a file, gave them, as under Keras' `fit`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables.engines.runtime import configure
from trainables.image_classifier import train_with
from trainables.trial import Metrics, Trial

configure(cpus=1)

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers, ops  # noqa: E402

TABLE = np.random.default_rng(0).normal(size=(240, 4)).astype(np.float32)
CLASSES = (TABLE[:, 0] > 0) + 2 * (TABLE[:, 1] > 0)
SUMS = TABLE @ np.array([1, 2, 3, 4], np.float32)
TARGETS: dict[str, Any] = {
    "a column of fractions": SUMS[:, None],
    "a column of classes": (SUMS > 0).astype(np.int64)[:, None],
    "classes": CLASSES.astype(np.int64),
    "one-hot": np.eye(4, dtype=np.float32)[CLASSES],
    "rows of whole numbers": np.stack([CLASSES, CLASSES + 2**25], axis=1),
}
PARTS = (slice(0, 120), slice(120, 180), slice(180, 240))


class Square(keras.losses.Loss):
    """Keras puts targets and outputs into one form only for losses that are functions."""

    def call(self, y: Any, outputs: Any) -> Any:
        return ops.mean(ops.square(y - outputs), axis=-1)


class OwnStep(keras.Model):
    """A step of the user's own sees the targets as they come."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.seen: set[tuple[Any, ...]] = set()
        self.ending, self.mean = layers.Dense(units), keras.metrics.Mean("loss")

    def call(self, x: Any) -> Any:
        return self.ending(x)

    def test_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        self.seen.add((*y.shape[1:], y.dtype.name))
        self.mean.update_state(tf.reduce_mean(tf.square(tf.cast(y, tf.float32) - self(x))))
        return {"loss": self.mean.result()}

    def train_step(self, data: Any) -> dict[str, Any]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.cast(data[1], tf.float32) - self(data[0])))
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return self.test_step(data)

    @property
    def metrics(self) -> list[Any]:
        return [self.mean]


def trained(build: Callable[..., Any], dataset: Any, **config: Any) -> Metrics:
    config = {"epochs": 2, "batch_size": 30, "dataset": dataset, **config}
    return list(train_with(build)(config, Trial(seed=1)))[-1]


@pytest.mark.parametrize("name", TARGETS)
def test_a_training_step_of_ones_own_gets_the_targets_as_they_were_given(name: str) -> None:
    given, made = TARGETS[name], []

    def build(*_: Any) -> keras.Model:
        made.append(OwnStep(given.shape[1] if given.ndim == 2 else 1))
        made[0].compile(keras.optimizers.Adam(0.05))
        return made[0]

    test = trained(build, lambda *_: tuple((TABLE[part], given[part]) for part in PARTS))
    plain = made[0].evaluate(TABLE[PARTS[2]], given[PARTS[2]], batch_size=60, verbose=0, return_dict=True)
    assert made[0].seen == {(*given.shape[1:], given.dtype.name)}  # From both.
    assert test["test_loss"] == pytest.approx(plain["loss"], rel=1e-5)


@pytest.mark.parametrize(("name", "units"), [("a column of fractions", 1), ("a column of classes", 1), ("one-hot", 4)])
def test_a_loss_of_ones_own_compares_each_target_with_its_own_output(name: str, units: int, tmp_path: Path) -> None:
    def build(*_: Any) -> keras.Model:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(units)])
        model.compile(keras.optimizers.Adam(0.05), Square())
        return model

    file = tmp_path / "table.npz"
    np.savez(file, x_train=TABLE, y_train=TARGETS[name])
    losses = [
        trained(build, dataset, epochs=25)["test_loss"] for dataset in (lambda *_: (TABLE, TARGETS[name]), str(file))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[0] < 0.25 * np.var(TARGETS[name], axis=0).mean() + 0.06  # Else each was held against all others.


def test_a_loss_of_keras_takes_class_numbers_by_whatever_name() -> None:
    def build(*_: Any) -> keras.Model:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(4, "softmax")])
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(name="mine"), metrics=["accuracy"])
        return model

    compiled, fit = (trained(build, lambda *_: (TABLE, CLASSES), engine=engine) for engine in ("compiled", "fit"))
    assert fit["test_loss"] == pytest.approx(compiled["test_loss"], rel=1e-4)
