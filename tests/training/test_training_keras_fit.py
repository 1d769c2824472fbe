"""What is trained by Keras' own `fit`: any model, as `fit` itself trains it, and a trial like any other."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.small_data import digits
from trainables.engines.runtime import configure
from trainables.errors import TrainableError
from trainables.trial import LabelForm, Metrics, Trial

configure(cpus=1)

import keras  # noqa: E402
from keras import layers  # noqa: E402

from trainables.engines.batches import Feed, Labels  # noqa: E402
from trainables.engines.keras_fit import KerasFit  # noqa: E402
from trainables.own_models.choice import own_engine  # noqa: E402
from trainables.own_models.compile_settings import labels_of  # noqa: E402
from trainables.training.fitting import fit  # noqa: E402

PIXELS = (8, 8, 1)


def trained(build: Callable[..., Any], trial: Trial | None = None, **config: Any) -> tuple[list[Metrics], Trial]:
    trial = trial or Trial(seed=1)
    config = {"epochs": 3, "batch_size": 32, **config}
    with own_engine(build, config, digits(), trial) as (engine, own):
        return list(fit(engine, digits(), config, trial, own)), trial


def with_normalization(_config: Any, data: Any) -> keras.Model:
    scale = layers.Normalization(axis=-1)
    scale.adapt(np.asarray(data.train.images)[data.train.index])
    return keras.Sequential([keras.Input(PIXELS), scale, layers.Flatten(), layers.Dense(10, "softmax")])


def dense(*, logits: bool = False, **settings: Any) -> keras.Model:
    ending = layers.Dense(10, None if logits else "softmax")
    return keras.Sequential([keras.Input(PIXELS), layers.Rescaling(1 / 255), layers.Flatten(), ending], **settings)


def compiled(*arguments: Any, logits: bool = False, **more: Any) -> Callable[..., Any]:
    def build(*_: Any) -> keras.Model:
        model = dense(logits=logits)
        model.compile(*arguments, **more)
        return model

    return build


CROSSENTROPY = "sparse_categorical_crossentropy"


def test_an_adapted_normalization_normalizes_and_is_saved(tmp_path: Path) -> None:
    reports, trial = trained(with_normalization, learning_rate=0.02, epochs=12)
    assert trial.facts["engine"] == "fit"
    assert "Normalization" in trial.facts["engine_reason"]
    assert reports[-1]["test_accuracy"] > 0.8
    assert trial.save_model
    trial.save_model(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(*digits().test.take(), verbose=0)[1] == pytest.approx(reports[-1]["test_accuracy"])


@pytest.mark.parametrize("engine", ["compiled", "fit"])
def test_a_network_that_ends_in_logits_trains_as_one_that_ends_in_softmax(engine: str) -> None:
    logits, _ = trained(lambda *_: dense(logits=True), engine=engine, learning_rate=0.01)
    softmax, _ = trained(lambda *_: dense(), engine=engine, learning_rate=0.01)
    assert logits[-1]["test_accuracy"] == pytest.approx(softmax[-1]["test_accuracy"], abs=0.01)
    assert logits[-1]["test_loss"] == pytest.approx(softmax[-1]["test_loss"], rel=0.01)


def test_probabilities_of_logits_are_probabilities(tmp_path: Path) -> None:
    import pandas as pd

    reports, trial = trained(lambda *_: dense(logits=True))
    assert trial.save_predictions
    trial.save_predictions(tmp_path / "predictions.parquet")
    table = pd.read_parquet(tmp_path / "predictions.parquet")
    np.testing.assert_allclose(table.filter(like="probability_").sum(axis=1), 1, rtol=1e-4)
    assert (table["label"] == table["predicted"]).mean() == pytest.approx(reports[-1]["test_accuracy"])


@pytest.mark.parametrize("engine", ["compiled", "fit"])
def test_the_compiled_learning_rate_is_the_one_that_is_trained_with(engine: str) -> None:
    rates = {
        rate: trained(compiled(keras.optimizers.SGD(rate), CROSSENTROPY, metrics=["accuracy"]), engine=engine)[0][2]
        for rate in (1e-7, 1e-1)
    }
    assert rates[1e-7]["loss"] > rates[1e-1]["loss"] + 0.1
    assert [report["learning_rate"] for report in rates.values()] == pytest.approx([1e-7, 1e-1])


def test_what_is_compiled_by_name_takes_the_learning_rate_of_the_configuration() -> None:
    reports, _ = trained(compiled("sgd", CROSSENTROPY, metrics=["accuracy"]), learning_rate=0.07)
    assert reports[0]["learning_rate"] == pytest.approx(0.07)


@pytest.mark.parametrize(
    ("optimizer", "config", "words"),
    [
        (lambda: keras.optimizers.Adam(0.01), {"learning_rate": 0.02}, r"learning_rate is 0.02 .* compiled with 0.01"),
        (
            lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 9)),
            {"learning_rate": 0.1},
            "schedule",
        ),
        (lambda: keras.optimizers.Adam(0.01), {"optimizer": "sgd"}, "compiled with Adam"),
        (lambda: keras.optimizers.SGD(0.01), {"weight_decay": 0.1}, "compiled with none"),
    ],
)
def test_a_configuration_that_contradicts_compile_is_one_line(optimizer: Any, config: Any, words: str) -> None:
    with pytest.raises(TrainableError, match=words):
        trained(compiled(optimizer(), CROSSENTROPY, metrics=["accuracy"]), **config)


def test_a_learning_rate_that_build_has_used_may_be_compiled_as_a_multiple_or_a_schedule() -> None:
    class Noted(dict[str, Any]):  # As a search hands it.
        def __init__(self, **settings: Any) -> None:
            super().__init__(settings)
            self.read: set[str] = set()

        def __getitem__(self, name: str) -> Any:
            self.read.add(name)
            return super().__getitem__(name)

    def build(config: Any, _data: Any) -> keras.Model:
        schedule = keras.optimizers.schedules.CosineDecay(config["learning_rate"] / 2, 100)
        return compiled(keras.optimizers.SGD(schedule), CROSSENTROPY, metrics=["accuracy"])()

    with own_engine(build, Noted(learning_rate=0.02, epochs=1), digits(), Trial(seed=1)) as (engine, _):
        assert engine.learning_rate() == pytest.approx(0.01)


def test_compiled_metrics_are_reported_and_choose_the_best_epoch() -> None:
    metrics = ["accuracy", keras.metrics.AUC(name="auc"), keras.metrics.MeanSquaredError(name="error")]
    build = compiled(keras.optimizers.SGD(0.2), "categorical_crossentropy", metrics=metrics)  # Labels are one-hot.
    *epochs, last = trained(build, metric="val_error", mode="min")[0]
    assert {"loss", "accuracy", "auc", "error", "val_auc", "val_error"} <= epochs[0].keys()
    assert {"test_loss", "test_accuracy", "test_auc", "test_error"} <= last.keys()
    assert epochs[-1]["val_accuracy"] > 0.3


def test_a_step_is_traced_once() -> None:
    traced: list[str] = []

    class Counted(keras.Sequential):
        def train_step(self, data: Any) -> Any:
            traced.append("step")
            return super().train_step(data)

    def build(*_: Any) -> keras.Model:
        model = Counted([keras.Input(PIXELS), layers.Flatten(), layers.Dense(10)])
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        return model

    trained(build, epochs=2)
    assert traced == ["step"]


def numbers_only(y: Any, outputs: Any) -> Any:
    return keras.losses.sparse_categorical_crossentropy(y, outputs)


def shares_only(y: Any, outputs: Any) -> Any:
    return keras.ops.mean(keras.ops.square(y - outputs))


PARTIAL = functools.partial(keras.losses.categorical_crossentropy, label_smoothing=0.1)


@pytest.mark.parametrize(("loss", "one_hot"), [(numbers_only, False), (shares_only, True), (PARTIAL, True)])
def test_loss_of_a_users_own_gets_the_labels_that_it_can_take(loss: Any, one_hot: bool) -> None:
    model = compiled(keras.optimizers.SGD(0.2), loss, metrics=["accuracy"])()
    assert (labels_of(model, digits().info, 10).form == LabelForm.ONE_HOT) == one_hot


def test_fit_is_that_of_keras_with_a_schedule_and_several_epochs() -> None:
    from trainables.engines.seeds import order_of_epoch

    def build(*_: Any) -> keras.Model:
        schedule = keras.optimizers.schedules.ExponentialDecay(0.2, 5, 0.8)
        return compiled(
            keras.optimizers.SGD(schedule, momentum=0.9, use_ema=True), CROSSENTROPY, metrics=["accuracy"]
        )()

    reports, _ = trained(build)
    keras.utils.set_random_seed(1)
    model, (images, labels) = build(), digits().train.take()
    for epoch in range(1, 4):
        order = order_of_epoch(1, epoch, len(images))
        model.optimizer.finalize_variable_values = lambda _: None
        done = model.fit(images[order], labels[order], 32, shuffle=False, verbose=0)
        assert reports[epoch - 1]["loss"] == pytest.approx(done.history["loss"][0], rel=1e-4)
    assert reports[2]["learning_rate"] == pytest.approx(0.2 * 0.8 ** (14 / 5), rel=1e-4)


@pytest.mark.parametrize("loss", ["cosine_similarity", "mse"])
def test_a_loss_may_be_negative_or_a_regression(loss: str) -> None:
    *epochs, last = trained(compiled(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"]), epochs=2)[0]
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    assert "test_accuracy" in last


def test_a_trial_that_is_cut_off_goes_on_as_if_it_was_not(tmp_path: Path) -> None:
    def build(*_: Any) -> keras.Model:
        model = keras.Sequential([keras.Input(PIXELS), layers.Flatten(), layers.GaussianNoise(0.5), layers.Dense(10)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Lamb(0.01), loss, metrics=["accuracy"])
        return model

    whole, _ = trained(build)
    trial = Trial(seed=1)
    config = {"epochs": 3, "batch_size": 32}
    with own_engine(build, config, digits(), trial) as (engine, own):
        epochs = fit(engine, digits(), config, trial, own)
        next(epochs)
        assert trial.save
        trial.save(tmp_path)
    rest, _ = trained(build, Trial(seed=1, checkpoint=tmp_path))
    for mine, other in zip(rest, whole[1:], strict=True):
        assert {**mine, "seconds": 0} == {**other, "seconds": 0}


def test_one_sigmoid_or_linear_unit_serves_two_classes() -> None:
    from dataclasses import replace

    data = digits()
    labels = data.train.labels % 2
    parts = {name: replace(getattr(data, name), targets=labels) for name in ("train", "validation", "test")}
    two = replace(data, **parts, info=replace(data.info, num_classes=2, class_names=("even", "odd")))
    found = []
    for activation, engine in ((None, "compiled"), (None, "fit"), ("sigmoid", "compiled")):

        def build(*_: Any, activation: Any = activation) -> keras.Model:
            return keras.Sequential([keras.Input(PIXELS), layers.Flatten(), layers.Dense(1, activation)])

        config, trial = {"epochs": 2, "learning_rate": 0.001, "engine": engine}, Trial(seed=1)
        with own_engine(build, config, two, trial) as (used, own):
            found.append(list(fit(used, two, config, trial, own))[-1])
    for other in found[1:]:
        assert other["test_accuracy"] == pytest.approx(found[0]["test_accuracy"], abs=0.01)
        assert other["test_loss"] == pytest.approx(found[0]["test_loss"], rel=0.02)


def test_what_a_user_sets_for_all_of_keras_ends_with_the_trial() -> None:
    def build(*_: Any) -> keras.Model:
        keras.mixed_precision.set_global_policy("mixed_float16")
        return keras.Sequential([keras.Input(PIXELS), layers.Flatten(), layers.Dense(10, "softmax", dtype="float32")])

    _, trial = trained(build, epochs=1)
    assert trial.facts["engine"] == "fit"
    assert keras.config.dtype_policy().name == "float32"


def test_an_engine_that_would_train_something_else_is_refused() -> None:
    with pytest.raises(TrainableError, match=r"needs 'fit': layer 'normalization.*state outside its weights"):
        trained(with_normalization, engine="compiled")


def test_a_pipeline_serves_all_epochs_splits_and_trials_of_one_form() -> None:
    feed, data = Feed(Labels(10), cpus=1), digits()
    order = np.arange(len(data.train))[::-1]
    pipelines = [feed.batches(data.train, 32), feed.batches(data.train, 32, order)]
    assert pipelines[0] is pipelines[1]
    given = [targets.numpy() for _, targets in pipelines[0]]
    assert np.array_equal(np.concatenate(given), data.train.labels[data.train.index[order]])
    longer = feed.batches(data.train, 16)
    assert longer is not pipelines[0]
    assert len(list(longer)) == -(-len(order) // 16)


@pytest.mark.parametrize("ending", [1, 2])
def test_outputs_of_few_batches_are_those_of_predict(ending: int, monkeypatch: pytest.MonkeyPatch) -> None:
    given = keras.Input(PIXELS)
    flat = layers.Dense(10, "softmax")(layers.BatchNormalization()(layers.Flatten()(given)))
    model = keras.Model(given, flat if ending == 1 else {"a": flat, "b": flat})
    model.compile("adam", CROSSENTROPY)
    engine = KerasFit(model, Labels(10), 1, logits=False)
    examples = Feed(Labels(10), 1).batches(digits().test, 64)
    with monkeypatch.context() as patched:
        patched.setattr(model, "predict", None)
        few = engine._outputs(examples, 6.0)
    many = engine._outputs(examples, 9.0)
    keras.tree.map_structure(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-5), few, many)
