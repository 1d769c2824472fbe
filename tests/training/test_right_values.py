"""Models of one's own end where plain `fit` ends, on all the digits: the values that are measured without us."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.saved_models import evaluated
from trainables.datasets.load import load_data
from trainables.engines.runtime import configure
from trainables.image_classifier import train_with
from trainables.trial import Metrics, Trial

configure(cpus=1)

import keras  # noqa: E402
from keras import layers  # noqa: E402


def last(build: Any, trial: Trial, **settings: Any) -> Metrics:
    return list(train_with(build)({"dataset": "digits", "batch_size": 32, **settings}, trial))[-1]


def test_a_normalization_that_was_adapted_to_the_training_images(tmp_path: Path) -> None:
    def build(config: Any, data: Any) -> keras.Model:
        scale = layers.Normalization(axis=-1)
        scale.adapt(data.train.take()[0])
        ending = layers.Dense(10, activation="softmax")
        return keras.Sequential([keras.Input(data.info.image_shape), scale, layers.Flatten(), ending])

    trial = Trial(seed=0)
    found = last(build, trial, epochs=4, learning_rate=0.005)
    assert found["test_accuracy"] == pytest.approx(0.92, abs=0.01)
    assert found["test_loss"] == pytest.approx(0.3, abs=0.06)
    assert trial.save_model
    trial.save_model(tmp_path / "model.keras")
    loss, accuracy = evaluated(tmp_path / "model.keras", load_data({"dataset": "digits"}, Trial()).test.take())
    assert (loss, accuracy) == pytest.approx((found["test_loss"], found["test_accuracy"]), rel=1e-4)


@pytest.mark.parametrize("logits", [False, True])
def test_a_network_compiled_for_what_it_ends_in(logits: bool) -> None:
    def build(config: Any, data: Any) -> keras.Model:
        ending = layers.Dense(10, activation=None if logits else "softmax")
        hidden = layers.Dense(64, activation="relu")
        shape = keras.Input(data.info.image_shape)
        model = keras.Sequential([shape, layers.Rescaling(1 / 16), layers.Flatten(), hidden, ending])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
        model.compile(keras.optimizers.Adam(0.003), loss, metrics=["accuracy"])
        return model

    assert last(build, Trial(seed=0), epochs=6)["test_accuracy"] == pytest.approx(0.94, abs=0.01)
