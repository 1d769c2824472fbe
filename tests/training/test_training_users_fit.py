"""A `fit` of the user's own, called as KerasTuner calls that of a HyperModel."""

from collections.abc import Callable, Generator
from typing import Any

import pytest

from search.trial.reads import Config
from tests.support.small_data import digits
from trainables.engines.runtime import configure
from trainables.errors import TrainableError, TrialDiverged
from trainables.hypermodel import fit_with
from trainables.trial import Metrics, Trial

configure(cpus=1)

import keras  # noqa: E402
from keras import layers  # noqa: E402

from trainables.training.users_fit import train_by_users_fit  # noqa: E402


def build(*_: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model


def started(fit: Callable[..., Any], trial: Trial | None = None, **config: Any) -> Generator[Metrics, None, None]:
    return train_by_users_fit(build, fit, digits(), {"epochs": 3, **config}, trial or Trial(seed=1))


def test_fit_gets_what_keras_tuner_gives_it_and_reports_every_epoch() -> None:
    seen: dict[str, Any] = {}

    class Counting(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            seen["begun"] = seen.get("begun", 0) + 1

    def fit(config: Any, model: Any, *args: Any, callbacks: Any = None, **kwargs: Any) -> Any:
        seen.update(kwargs, shapes=[part.shape for part in args])
        return model.fit(*args, batch_size=config["size"], callbacks=[*callbacks, Counting()], verbose=0, **kwargs)

    trial = Trial(seed=1)
    *epochs, last = started(fit, trial, size=50, batch_size=10)
    assert [report["epoch"] for report in epochs] == [1, 2, 3]
    assert seen["begun"] == 1
    assert seen["shapes"] == [(200, 8, 8, 1), (200,)]
    assert {"epochs", "validation_data"} == seen.keys() - {"begun", "shapes"}
    assert {"test_loss", "test_accuracy"} <= last.keys()
    assert trial.facts["engine"] == "fit"
    assert trial.facts["engine_reason"].endswith("; a trial that is cut off begins anew")
    assert trial.save is None


@pytest.mark.parametrize("asks", [True, False])
def test_a_patience_that_fit_asks_for_is_its_own(asks: bool) -> None:
    def fit(config: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        if asks:
            assert config["patience"] == 1
        return model.fit(*args, verbose=0, **kwargs)

    def still(*_: Any) -> keras.Model:
        model = build()
        model.optimizer.learning_rate = 0.0
        return model

    config = Config({"epochs": 4, "patience": 1})
    reports = list(train_by_users_fit(still, fit, digits(), config, Trial(seed=1)))
    assert len(reports[:-1]) == (4 if asks else 2)
    assert "patience" in config.read  # Either way it had its effect.


def test_fit_of_a_hypermodel_is_called_and_that_of_keras_tuner_is_not() -> None:
    import keras_tuner

    class Plain(keras_tuner.HyperModel):
        def build(self, hp: Any) -> Any:
            return build()

    class Own(Plain):
        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
            return model.fit(*args, batch_size=hp.Choice("size", [50, 100]), verbose=0, **kwargs)

    set_on_the_object = Plain()
    set_on_the_object.fit = lambda hp, model, *args, **kwargs: model.fit(*args, verbose=0, **kwargs)
    assert fit_with(Plain()) is None
    assert fit_with(set_on_the_object) is not None
    fit = fit_with(Own())
    assert fit is not None
    *epochs, _ = started(fit, size=100, epochs=2)
    assert len(epochs) == 2


def test_the_batch_size_of_the_configuration_is_that_of_a_fit_that_names_none() -> None:
    steps = []

    class Steps(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            steps.append(self.params["steps"])

    def fit(_config: Any, model: Any, *args: Any, callbacks: Any = None, **kwargs: Any) -> Any:
        return model.fit(*args, callbacks=[*callbacks, Steps()], verbose=0, **kwargs)

    list(started(fit, epochs=1, batch_size=100))
    assert steps == [2]


def test_a_loop_of_ones_own_reports_what_it_tells_the_callbacks() -> None:
    def fit(_config: Any, model: Any, *_args: Any, callbacks: Any = None, **_: Any) -> float:
        for callback in callbacks:
            callback.set_model(model)
        for epoch in range(2):
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs={"score": 0.5 + epoch})
        return 1.5

    *epochs, last = started(fit, metric="score", mode="max")
    assert [report["score"] for report in epochs] == [0.5, 1.5]
    assert "test_accuracy" in last


def test_a_model_that_is_trained_within_another_is_tested_with_the_weights_of_its_best_epoch() -> None:
    kept: list[Any] = []

    class Around(keras.Model):
        def __init__(self, inner: keras.Model) -> None:
            super().__init__()
            self.inner = inner

        def call(self, images: Any, training: bool | None = None) -> Any:
            return self.inner(images, training=training)

    def fit(_config: Any, model: Any, x: Any, y: Any, callbacks: Any = (), **kwargs: Any) -> Any:
        outer = Around(model)
        outer.compile(keras.optimizers.SGD(0.01), model.loss, metrics=["accuracy"])
        keeps = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: kept.append(model.evaluate(*digits_test())[1]))
        return outer.fit(x, y, callbacks=[keeps, *callbacks], verbose=0, **kwargs)

    *epochs, last = started(fit, metric="val_accuracy", mode="min")  # The worst is the first, or soon after it.
    chosen = min(range(3), key=lambda number: epochs[number]["val_accuracy"])
    assert last["test_accuracy"] == pytest.approx(kept[chosen])
    assert kept[chosen] != kept[2]


def test_the_weights_of_the_best_epoch_are_kept_where_a_loop_of_ones_own_gives_its_callbacks_no_model() -> None:
    models: list[keras.Model] = []

    def fit(_config: Any, model: Any, *_args: Any, callbacks: Any = (), **_: Any) -> None:
        models.append(model)
        for epoch, error in enumerate((0.5, 0.2, 0.9)):
            model.set_weights([weight * 0 + error for weight in model.get_weights()])
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs={"val_mean_absolute_error": error})

    list(started(fit, metric="val_mean_absolute_error", mode="min"))
    assert models[0].get_weights()[1].tolist() == pytest.approx([0.2] * 10)


def digits_test() -> tuple[Any, Any]:
    images, labels = digits().test.take()
    return images.astype("float32"), labels


@pytest.mark.parametrize("reports", [True, False])
def test_a_fit_that_trains_another_model_than_it_is_given_has_no_test_and_says_so(reports: bool) -> None:
    def fit(_config: Any, _model: Any, *args: Any, callbacks: Any = (), **kwargs: Any) -> Any:
        return build().fit(*args, callbacks=callbacks if reports else None, verbose=0, **kwargs)

    trial = Trial(seed=1)
    *epochs, last = started(fit, trial)
    assert [report["epoch"] for report in epochs if reports] == ([1, 2, 3] if reports else [])
    assert epochs[-1]["val_accuracy"] > 0
    assert last == {"num_parameters": 650, "num_trainable_parameters": 650}
    assert "has not trained the model that build gave" in trial.facts["engine_reason"]
    assert trial.save_model is None


@pytest.mark.parametrize(("result", "epochs"), [(0.5, [0.5]), ({"score": 0.7}, [0.7])])
def test_a_fit_that_reports_nothing_is_read_by_what_it_returns(result: Any, epochs: list[float]) -> None:
    reports = list(started(lambda *_, **__: result, metric="score", mode="max"))
    assert [report["score"] for report in reports[:-1]] == epochs


def test_a_fit_that_gives_nothing_is_one_line() -> None:
    with pytest.raises(TrainableError, match="fit gave a NoneType and reported no epoch"):
        list(started(lambda *_, **__: None))


def test_a_metric_that_fit_only_returns_is_in_the_last_report() -> None:
    def fit(_config: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        history = model.fit(*args, verbose=0, **kwargs).history
        return {"val_accuracy": max(history["val_accuracy"]), "tries": 7, "note": "no number"}

    *epochs, last = started(fit)
    assert len(epochs) == 3
    assert last["tries"] == 7
    assert "val_accuracy" not in last


@pytest.mark.parametrize("returned", [-0.5, {"val_accuracy": 0.123}])
def test_a_returned_value_that_no_epoch_reported_is_refused(returned: Any) -> None:
    def fit(_config: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        model.fit(*args, verbose=0, **kwargs)
        return returned

    with pytest.raises(TrainableError, match=r"fit returned \S+ for val_accuracy, which none of its epochs reported"):
        list(started(fit))


def test_a_closed_trial_ends_its_fit_at_the_next_report() -> None:
    ended = []

    def fit(_config: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return model.fit(*args, verbose=0, **kwargs)
        except Exception:
            ended.append("swallowed")
        finally:
            ended.append("finally")

    epochs = started(fit)
    assert next(epochs)["epoch"] == 1
    epochs.close()
    assert ended == ["finally"]


def test_an_error_and_a_divergence_are_the_trials() -> None:
    def breaks(*_: Any, **__: Any) -> Any:
        raise KeyError("units")

    def diverges(_config: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        model.optimizer.learning_rate = 1e38
        return model.fit(*args, verbose=0, **kwargs)

    with pytest.raises(KeyError, match="units"):
        list(started(breaks))
    with pytest.raises(TrialDiverged):
        list(started(diverges))


@pytest.mark.parametrize(("scale", "told"), [(1, False), (16, True)])
def test_fit_that_scales_its_data_is_told_that_the_test_does_not(scale: int, told: bool) -> None:
    def fit(_config: Any, model: Any, x: Any, y: Any, validation_data: Any = None, **kwargs: Any) -> Any:
        validation = (validation_data[0] / scale, validation_data[1])
        return model.fit(x / scale, y, validation_data=validation, verbose=0, **kwargs)

    trial = Trial(seed=1)
    *_, last = started(fit, trial)
    assert "test_loss" in last
    assert ("its `fit` measured a val_loss of" in trial.facts["engine_reason"]) is told
