"""Models that a user builds: trained as they are, and sharing programs where that changes nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from tests.support.small_data import digits
from trainables.engines.runtime import configure
from trainables.errors import TrainableError
from trainables.training.fitting import fit
from trainables.trial import Metrics, Trial

configure(cpus=1)

import keras  # noqa: E402
from keras import layers  # noqa: E402

from trainables.own_models.choice import own_engine  # noqa: E402
from trainables.own_models.exchange import adapted, rates_of, structure_of  # noqa: E402

CONFIG = {"epochs": 2, "learning_rate": 0.01}


def network(config: Any, _data: Any) -> keras.Model:
    inputs = x = keras.Input((8, 8, 1))
    for layer in (layers.Rescaling(1 / 255), layers.Conv2D(config.get("filters", 4), 3), layers.BatchNormalization()):
        x = layer(x)
    x = layers.Dropout(config.get("drop", 0.2))(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(10, "softmax", kernel_regularizer="l2")(x))


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.stack = keras.Sequential([layers.Flatten(), layers.Dropout(0.5), layers.Dense(10, "softmax")])

    def call(self, images: Any, training: bool = False) -> Any:
        return self.stack(images / 255, training=training)  # Without the argument `fit` trains without dropout.


@contextmanager
def prepared(build: Callable[..., Any], seed: int = 1, **config: Any) -> Iterator[Any]:
    with own_engine(build, CONFIG | config, digits(), Trial(seed=seed)) as (engine, _):
        yield engine


def trained(build: Callable[..., Any], seed: int = 1, **config: Any) -> Metrics:
    with prepared(build, seed, **config) as program:
        return list(fit(program, digits(), CONFIG | config, Trial(seed=seed)))[-1]


def test_models_alike_but_for_the_rate_share_a_program_and_its_trace() -> None:
    with prepared(network, filters=5, drop=0.1) as first:
        pass
    with prepared(network, filters=5, drop=0.4, learning_rate=0.1, seed=2) as second:
        assert second is first
        assert [layer.rate_now.numpy() for layer in second._dropouts] == pytest.approx([0.4])
    with prepared(network, filters=6, drop=0.4) as third:
        assert third is not first


def test_shared_program_gives_what_a_program_of_its_own_gives() -> None:
    alone = trained(network, filters=3, drop=0.3)
    trained(network, filters=3, drop=0.7, seed=5, learning_rate=0.1)
    assert trained(network, filters=3, drop=0.3) == alone


@pytest.mark.parametrize(
    "change", [{"kernel_size": 2}, {"activation": "relu"}, {"kernel_regularizer": keras.regularizers.L2(0.1)}]
)
def test_models_that_compute_something_else_do_not_share(change: dict[str, Any]) -> None:
    def model(**settings: Any) -> keras.Model:
        convolution = layers.Conv2D(4, **{"kernel_size": 3, **settings})
        return keras.Sequential([keras.Input((8, 8, 1)), convolution, layers.Flatten(), layers.Dense(10, "softmax")])

    assert structure_of(model()) == structure_of(model())
    assert structure_of(model()) != structure_of(model(**change))


def test_models_wired_differently_do_not_share() -> None:
    def model(*, skip: bool) -> keras.Model:
        inputs = keras.Input((8,))
        first = layers.Dense(8)(inputs)
        second = layers.Dense(8)(first)
        return keras.Model(inputs, layers.Add()([inputs if skip else first, second]))

    assert structure_of(model(skip=True)) != structure_of(model(skip=False))


def test_adapted_model_computes_what_the_users_model_computes() -> None:
    model = keras.Sequential([keras.Input((8, 8, 1)), network({}, None), layers.Dense(3)])
    copy = adapted(model)
    copy.set_weights(model.get_weights())
    images = digits().test.take()[0].astype(np.float32)
    np.testing.assert_allclose(copy(images), model(images), atol=1e-5)
    assert rates_of(model) == [0.2]


def test_subclassed_model_trains_with_its_dropout_by_fit() -> None:
    config, trial = CONFIG | {"epochs": 15}, Trial(seed=1)
    with own_engine(lambda *_: Subclassed(), config, digits(), trial) as (engine, model):
        *epochs, last = list(fit(engine, digits(), config, trial, model))
    assert (engine.name, trial.facts["engine"]) == ("fit", "fit")
    assert last["test_accuracy"] > 0.7
    assert epochs[-1]["val_loss"] < epochs[-1]["loss"], "dropout of one half makes training the harder one"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda *_: keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)]), r"\(None, 10\)"),
        (lambda *_: "a model", "gave a str; expected a keras.Model"),
    ],
)
def test_model_that_cannot_be_trained_on_the_data_is_one_line(model: Callable[..., Any], words: str) -> None:
    with pytest.raises(TrainableError, match=words), prepared(model):
        pass
