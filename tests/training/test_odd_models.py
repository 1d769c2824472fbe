"""Models that are written in odd ways, and legal: each is trained as plain `fit` does, and saved as it was measured."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.support.small_data import digits
from trainables.engines.runtime import configure
from trainables.errors import TrainableError
from trainables.image_classifier import train_with
from trainables.trial import LabelForm, Metrics, Trial

configure(cpus=1)

import keras  # noqa: E402
from keras import layers, losses  # noqa: E402

from trainables.own_models.choice import engine_for  # noqa: E402
from trainables.own_models.compile_settings import from_logits, labels_of  # noqa: E402
from trainables.own_models.endings import ends_in_logits  # noqa: E402


def network(*ends: Any) -> keras.Model:
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Rescaling(1 / 16), layers.Flatten(), *ends])


def zeros(**options: Any) -> Any:
    return layers.Dense(10, kernel_initializer="zeros", **options)


Make = Callable[[], keras.Model]
LOGITS: dict[str, Make] = {
    "zeros behind a scale": lambda: network(zeros(), layers.Rescaling(0.01)),
    "a normalization that begins with zeros": lambda: network(
        layers.Dense(10), layers.BatchNormalization(gamma_initializer="zeros")
    ),
    "zeros in front of a reshape": lambda: network(zeros(), layers.Reshape((10,))),
}
PROBABILITIES: dict[str, Make] = {
    "a softmax of zeros in front of a reshape": lambda: network(zeros(activation="softmax"), layers.Reshape((10,))),
    "a softmax in front of a dropout": lambda: network(layers.Dense(10, "softmax"), layers.Dropout(0.0)),
}


@pytest.mark.parametrize("name", [*LOGITS, *PROBABILITIES])
def test_what_an_ending_gives_does_not_depend_on_how_its_weights_begin(name: str) -> None:
    model = {**LOGITS, **PROBABILITIES}[name]()
    before = model.get_weights()
    assert ends_in_logits(model, digits()) is (name in LOGITS)
    assert all(np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("form", ["list", "dict", "name of the class", "short name", "upper case"])
def test_a_loss_that_compares_unit_by_unit_gets_one_hot_labels_in_whatever_form_it_is_given(form: str) -> None:
    loss: Any = {
        "list": ["categorical_crossentropy"],
        "dict": {"digit": losses.CategoricalCrossentropy(from_logits=True)},
        "name of the class": "MeanSquaredLogarithmicError",
        "short name": "kld",
        "upper case": "MAPE",
    }[form]
    model = network(layers.Dense(10, name="digit"))
    model.compile("adam", loss)
    assert labels_of(model, digits().info, 10).form == LabelForm.ONE_HOT
    assert from_logits(model) is (form == "dict")
    model.compile("adam", ["SparseCategoricalCrossentropy"])
    assert labels_of(model, digits().info, 10).form == LabelForm.NUMBERS


def test_a_loss_that_keras_cannot_write_down_trains_and_its_model_is_saved(tmp_path: Path) -> None:
    loss = functools.partial(losses.sparse_categorical_crossentropy, from_logits=True)

    def build(config: Any, data: Any) -> keras.Model:
        model = network(layers.Dense(10))
        model.compile("adam", loss, metrics=["accuracy"])
        return model

    trial = Trial(seed=1, asked={"dataset": "digits"})
    last: Metrics = list(train_with(build)({"epochs": 1, "sample_size": 200}, trial))[-1]
    assert trial.save_model
    assert trial.save_predictions
    trial.save_model(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").count_params() == last["num_parameters"]
    trial.save_predictions(tmp_path / "predictions.parquet")
    table = pq.read_table(tmp_path / "predictions.parquet")
    chances = np.array([table[name].to_numpy() for name in table.column_names if name.startswith("probability_")])
    np.testing.assert_allclose(chances.sum(axis=0), 1, rtol=1e-5)  # No logits under the name of probabilities.


def test_a_dropout_behind_the_softmax_is_trained_by_fit() -> None:
    model = network(layers.Dense(10, "softmax"), layers.Dropout(0.0))
    assert engine_for(model, (8, 8, 1)).reason == "its last layer is a Dropout"


def test_two_outputs_and_a_momentum_that_is_not_compiled_are_one_line() -> None:
    def two(config: Any, data: Any) -> keras.Model:
        given = keras.Input((8, 8, 1))
        flat = layers.Flatten()(given)
        return keras.Model(given, [layers.Dense(10)(flat), layers.Dense(10)(flat)])

    def plain_sgd(config: Any, data: Any) -> keras.Model:
        model = network(layers.Dense(10, "softmax"))
        model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    for build, config, said in (
        (two, {}, r"ends in shape \[\(None, 10\), \(None, 10\)\]; expected \(None, 10\)"),
        (plain_sgd, {"optimizer": "sgd_momentum"}, "'sgd_momentum' in the configuration, .* SGD without momentum"),
    ):
        with pytest.raises(TrainableError, match=said):
            next(train_with(build)({"epochs": 1, "sample_size": 200, **config}, Trial(asked={"dataset": "digits"})))
