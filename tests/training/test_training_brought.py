"""What users bring is trained as it says, or refused in one line: their optimizers, metrics, layers and settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.trial.reads import Config
from trainables.engines.runtime import configure
from trainables.errors import TrainableError
from trainables.image_classifier import train_with
from trainables.trial import Trial

configure(cpus=1)

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402

from tests.support.small_tables import CLASSES, ROW, TABLE, of_a_table, saved, trained  # noqa: E402


def test_a_data_function_is_given_the_whole_configuration_of_its_trial() -> None:
    def noisy(config: Mapping[str, object], _trial: Trial) -> Any:
        part = tf.data.Dataset.from_tensor_slices((TABLE, CLASSES)).batch(config.get("batch_size", 1))
        return part.take(config["most"]), part, part

    def build(_config: Any, data: Any) -> keras.Model:
        assert (data.info.num_train, data.info.num_test) == (3, 43)
        model = keras.Sequential([ROW, layers.Dense(4, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    config = Config({"dataset": noisy, "most": 3, "batch_size": 7, "epochs": 1})
    assert len(list(train_with(build)(config, Trial()))) == 2
    assert {"most", "batch_size"} <= config.read


def test_a_data_function_runs_once_the_process_has_the_share_of_its_trial() -> None:
    def data(*_: Any) -> Any:
        raise InterruptedError

    with pytest.warns(UserWarning, match="not with 7 threads"), pytest.raises(InterruptedError):
        next(train_with(lambda *_: None)({"epochs": 1, "dataset": data}, Trial(cpus=7)))


def test_a_fit_of_ones_own_has_the_rows_of_divided_arrays_in_the_order_in_which_they_were_given() -> None:
    parts = (slice(0, 200), slice(200, 260), slice(260, 300))
    given = tuple((TABLE[part], CLASSES[part]) for part in parts)
    weights = np.random.default_rng(1).uniform(0, 3, 300)

    def build(*_: Any) -> keras.Model:
        model = keras.Sequential([ROW, layers.Dense(4, "softmax")])
        model.compile(keras.optimizers.SGD(0.03), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    def fit(_config: Any, model: Any, *args: Any, **options: Any) -> Any:
        return model.fit(*args, sample_weight=weights[:200], shuffle=False, verbose=0, **options)

    config = {"epochs": 2, "batch_size": 20, "dataset": lambda *_: given}
    *epochs, _ = train_with(build, fit)(config, Trial(seed=1))
    keras.utils.set_random_seed(1)
    plain = fit({}, build(), *given[0], validation_data=given[1], epochs=2, batch_size=20).history
    for name, values in plain.items():
        np.testing.assert_allclose([one[name] for one in epochs], values, rtol=1e-5)


def test_an_optimizer_that_trials_share_is_one_line_in_the_second_of_them() -> None:
    shared = keras.optimizers.Adam()

    def build(*_: Any) -> keras.Model:
        model = keras.Sequential([ROW, layers.Dense(4, "softmax")])
        model.compile(shared, "kld", metrics=["accuracy"])
        return model

    config = {"epochs": 1, "learning_rate": 0.001}
    trained(build, (TABLE, CLASSES), **config)
    with pytest.raises(TrainableError, match="the Adam with which build compiled the model has trained another model"):
        trained(build, (TABLE, CLASSES), **config)


def test_a_metric_that_is_called_like_a_column_is_refused() -> None:
    def build(*_: Any) -> keras.Model:
        own = keras.metrics.SparseCategoricalAccuracy("seconds")
        model = keras.Sequential([ROW, layers.Dense(4, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=[own])
        return model

    with pytest.raises(TrainableError, match="a metric of the model is called 'seconds'"):
        trained(build, (TABLE, CLASSES), epochs=1)


def test_a_stateful_layer_is_validated_in_batches_of_its_own_size(tmp_path: Path) -> None:
    def build(*_: Any) -> keras.Model:
        model = keras.Sequential([keras.Input((4, 1), batch_size=20), layers.SimpleRNN(3, stateful=True)])
        model.add(layers.Dense(4, "softmax"))
        model.compile(keras.optimizers.SGD(0.03), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    series, parts = TABLE[:, :, None], (slice(0, 200), slice(200, 260), slice(260, 300))
    given = [(series[part], CLASSES[part]) for part in parts]
    reports, trial = trained(build, tuple(given), epochs=1, batch_size=20)
    model = saved(trial, tmp_path / "model.keras")
    model.layers[0].reset_states()
    plain = model.evaluate(*given[1], batch_size=20, verbose=0, return_dict=True)
    assert reports[0]["val_loss"] == pytest.approx(plain["loss"], rel=0.05)  # It had the states of training.


def test_inputs_of_the_test_that_are_no_numbers_leave_the_saved_model_what_it_is(tmp_path: Path) -> None:
    rows = TABLE.copy()
    rows[270, 1] = np.nan
    parts = (slice(0, 200), slice(200, 260), slice(260, 300))
    reports, trial = trained(of_a_table, tuple((rows[part], CLASSES[part]) for part in parts), epochs=1)
    assert np.isnan(reports[-1]["test_loss"])
    predicted = saved(trial, tmp_path / "model.keras").predict(rows[260:], verbose=0)
    assert [row for row in range(40) if np.isnan(predicted[row]).any()] == [10]


@pytest.mark.parametrize("name", ["schedule", "label_smoothing", "mixing"])
def test_settings_of_our_networks_are_refused_for_a_model_that_neither_reads_them_nor_is_compiled(name: str) -> None:
    def reading(config: Any, data: Any) -> keras.Model:
        assert config[name]
        return of_a_table(config, data)

    for build in (of_a_table, reading):
        config = Config({"dataset": lambda *_: (TABLE, CLASSES), "epochs": 1, name: 0.1})
        trial = train_with(build)(config, Trial())
        if build is reading:
            assert len(list(trial)) == 2
        else:
            with pytest.raises(TrainableError, match=f"{name} is set, and a model of your own is not trained by it"):
                next(trial)
