"""Trials of one process are apart: each finds Keras as the first one did, and no weight that another has trained."""

import gc
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.small_data import digits
from trainables.engines.runtime import configure
from trainables.errors import TrainableError
from trainables.trial import Metrics, Trial

configure(cpus=1)

import keras  # noqa: E402
from keras import layers  # noqa: E402

from trainables.own_models import keras_state, reuse  # noqa: E402
from trainables.own_models.choice import own_engine  # noqa: E402
from trainables.training.fitting import fit  # noqa: E402
from trainables.training.users_fit import train_by_users_fit  # noqa: E402


def network(*inner: Any) -> keras.Model:
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), *inner, layers.Dense(10)])


def own_fit(_config: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
    return model.fit(*args, verbose=0, **kwargs)


def trained(build: Callable[..., Any], way: str) -> list[Metrics]:
    config, trial = {"epochs": 1, "batch_size": 50}, Trial(seed=1)
    if way == "own fit":
        return list(train_by_users_fit(build, own_fit, digits(), config, trial))
    with own_engine(build, {**config, "engine": way}, digits(), trial) as (engine, own):
        return list(fit(engine, digits(), config, trial, own))


@pytest.mark.parametrize("way", ["fit", "own fit"])
def test_what_keras_names_by_itself_has_one_name_in_all_trials(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras_state, "_at_first", {})  # As in a process that has built no model yet.
    outside, names = layers.Dense(10, trainable=False), []  # Its name is taken, in every trial.

    def build(*_: Any) -> keras.Model:
        model = network(layers.Dense(10), outside)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=[keras.metrics.AUC(from_logits=True)])
        names.append([layer.name for layer in model.layers])
        return model

    first, second = (trained(build, way)[0] for _ in range(2))
    assert first.keys() == second.keys()
    assert names[0] == names[1]


@pytest.mark.parametrize("way", ["fit", "own fit"])
def test_a_policy_of_the_space_file_holds_in_whichever_thread_a_trial_builds(way: str) -> None:
    found = []

    def build(*_: Any) -> keras.Model:
        model = network(layers.Dense(10))
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        found.append(model.layers[-1].compute_dtype)
        return model

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        trained(build, way)
    finally:
        keras.config.set_dtype_policy("float32")
    assert found[0] == "bfloat16"


def test_layers_compute_in_the_precision_that_build_sets_in_this_trial_and_no_other() -> None:
    found: list[str] = []

    def build(*_: Any) -> keras.Model:
        if not found:
            keras.config.set_floatx("float64")
        found.append(network(layers.Dense(10)).layers[-1].compute_dtype)
        return network()

    before = keras.config.dtype_policy()
    keras_state._state().set_global_attribute("dtype_policy", None)  # As before a process has made its first layer.
    try:
        for _ in range(2):
            trained(build, "auto")
    finally:
        keras.config.set_dtype_policy(before)
    assert found == ["float64", "float32"]


@pytest.mark.parametrize("way", ["compiled", "fit", "own fit"])
def test_weights_that_a_trial_has_trained_are_refused_in_the_next(way: str) -> None:
    shared = layers.Dense(10)

    def build(*_: Any) -> keras.Model:
        model = network(shared)
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        return model

    first = trained(build, "fit")
    with pytest.raises(TrainableError, match="kernel' of the model that build gave has been trained by an earlier"):
        trained(build, way)
    shared.trainable = False
    assert trained(build, way)[0]["val_loss"] != first[0]["val_loss"]


def test_weights_of_past_trials_are_not_kept_in_mind() -> None:
    model = network()
    reuse.check_is_new(model)
    known = len(reuse._trained)
    del model
    gc.collect()
    assert len(reuse._trained) <= known - 2
